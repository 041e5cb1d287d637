"""What is called where no kernel may be: the operator's reference, in PyTorch, on the device of the arguments.

The reference computes in float32 (in float64 where the case does) and its result is rounded once, as a kernel's is.
That is slower than the library's own function of 16 bits; a caller for whom it is too slow gives one of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from runners.dtypes import TORCH_DTYPES
from runners.operators import Operator
from runners.operators.model import CASE_DTYPE, Outputs, TensorInput
from runners.oracle import bound_reference


def reference_of(operator: Operator) -> Callable[..., Outputs]:
    """Returns a function of the operator's arguments that returns what a right kernel would, to a rounding."""

    def reference(*arguments: Any) -> Outputs:
        dtype = dtype_of_case(operator, arguments)
        precision = torch.float64 if dtype == "float64" else torch.float32
        tensors = [one for one in arguments if isinstance(one, torch.Tensor)]
        with torch.device(tensors[0].device if tensors else "cpu"):  # references make tensors of their own
            outputs = bound_reference(operator, dtype)(*(_in(one, precision) for one in arguments))
        if not isinstance(outputs, tuple):
            return _result(outputs, operator.results[0], dtype)
        return tuple(_result(one, wanted, dtype) for one, wanted in zip(outputs, operator.results, strict=True))

    return reference


def case_argument(operator: Operator) -> int | None:
    """Returns the number of the argument whose dtype is that of the case; None where all have dtypes of their own."""
    kinds = enumerate(operator.inputs)
    return next((n for n, one in kinds if isinstance(one, TensorInput) and CASE_DTYPE in one.dtypes), None)


def dtype_of_case(operator: Operator, arguments: tuple[Any, ...]) -> str:
    """Returns the dtype of the case that a call is: that of the first tensor which has it by the declaration."""
    for given, argument in zip(operator.inputs, arguments, strict=False):
        if isinstance(given, TensorInput) and CASE_DTYPE in given.dtypes and isinstance(argument, torch.Tensor):
            return name_of(argument.dtype)
    return operator.dtypes[0]


def name_of(dtype: torch.dtype) -> str:
    """Returns a dtype's name as cases spell it."""
    return str(dtype).removeprefix("torch.")


def _in(argument: Any, precision: torch.dtype) -> Any:
    floating = isinstance(argument, torch.Tensor) and argument.is_floating_point()
    return argument.to(precision) if floating else argument


def _result(output: torch.Tensor, wanted: str, dtype: str) -> torch.Tensor:
    target = TORCH_DTYPES.get(dtype if wanted == CASE_DTYPE else wanted, output.dtype)
    if output.is_floating_point() and not target.is_floating_point:
        output = output.round()
    output = output.to(target)
    return output.contiguous() if output.layout is torch.strided else output

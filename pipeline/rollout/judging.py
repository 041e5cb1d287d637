"""A sampled call against the operator's own oracle: the same bound that the gate judged the kernel by.

The kernel's result is judged as in the gate: number, dtype, shape and layout of the results, then every element within
what a float32 computation may show (`runners.oracle`), then that no argument was changed. All on the host, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch

from pipeline.rollout.calls import Fit
from pipeline.rollout.reference import name_of
from pipeline.rollout.samples import Strange
from runners.cases import Case
from runners.device_judging import wrong_values
from runners.failures import Failure, InputChanged, WrongForm
from runners.materialise import ArgumentValue, ScalarValue, TensorValue
from runners.operators import Operator
from runners.oracle import Allowance, Expected, expect

CONDITIONS: Final = "the application"
WIDTHS: Final = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def judge(
    operator: Operator,
    found: Fit,
    case: Case,
    before: Sequence[Any],
    after: Sequence[Any],
    results: object,
    allowance: Allowance,
    *,
    contiguous: bool = True,
) -> Failure | None:
    """Says in which way a call went wrong; None where it was right.

    Args:
        before: The arguments as they were given, contiguous, on the CPU; `after` as the kernel left them.
        results: What the kernel returned, tensors on the CPU.
        contiguous: Whether all tensors that it returned were.
    """
    values = [_value(name, argument) for name, argument in zip(_names(operator), before, strict=True)]
    expected = expect(operator, found.dtype, values, allowance)
    tensors = results if isinstance(results, tuple) else (results,)
    wrong = _wrong_form(case, expected, results, tensors)
    if wrong is not None:
        return wrong
    if not contiguous:
        return WrongForm(case=case, aspect="layout", expected="contiguous", got="not contiguous")
    for number, (want, got) in enumerate(zip(expected, tensors, strict=True)):
        found_wrong = wrong_values(case, CONDITIONS, number, want, got)
        if found_wrong is not None:
            return found_wrong
    for name, old, new in zip(_names(operator), before, after, strict=True):
        if isinstance(old, torch.Tensor) and not same_bits(old, new):
            return InputChanged(case=case, argument=name)
    return None


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one dtype hold the same bits, NaN or not."""
    width = WIDTHS[one.element_size()]
    return torch.equal(one.contiguous().view(width), other.contiguous().view(width))


def _names(operator: Operator) -> tuple[str, ...]:
    return tuple(given.name for given in operator.inputs)


def _value(name: str, argument: Any) -> ArgumentValue:
    if not isinstance(argument, torch.Tensor):
        return ScalarValue(name, argument)
    own = argument.clone(memory_format=torch.contiguous_format) if argument.storage_offset() else argument
    return TensorValue(name, name_of(own.dtype), own.reshape(-1), tuple(own.shape), tuple(own.stride()), 0)


def _wrong_form(
    case: Case, expected: Sequence[Expected], results: object, tensors: Sequence[object]
) -> WrongForm | None:
    single = len(expected) == 1
    if isinstance(results, tuple) == single or len(tensors) != len(expected):
        due = "a tensor" if single else f"a tuple of {len(expected)} tensors"
        came = f"a tuple of {len(tensors)}" if isinstance(results, tuple) else type(results).__name__
        return WrongForm(case=case, aspect="count", expected=due, got=came)
    for want, got in zip(expected, tensors, strict=True):
        if not isinstance(got, torch.Tensor):
            came = got.what if isinstance(got, Strange) else type(got).__name__
            return WrongForm(case=case, aspect="type", expected="a tensor", got=came)
        if name_of(got.dtype) != want.dtype:
            return WrongForm(case=case, aspect="dtype", expected=want.dtype, got=name_of(got.dtype))
        if tuple(got.shape) != want.shape:
            return WrongForm(case=case, aspect="shape", expected=str(want.shape), got=str(tuple(got.shape)))
    return None

"""The shapes that are timed, one an operator: large enough that the card and not the launch decides.

They are fixed, so that numbers can be compared over time. Operators that are missing here have no benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch

from runners.cases import Case, TensorPlan
from runners.materialise import ArgumentValue, TensorValue
from runners.operators.model import CASE_DTYPE, Operator, TensorInput

ROW_SIZES: Final = {"M": 8192, "N": 4096}


@dataclass(frozen=True, slots=True)
class Shape:
    """What is timed.

    Attributes:
        rows: Tensors whose first axis is the result's: the judge compares `compared_rows` of their rows.
        operations: Of the whole computation; 0 where moving the bytes is what takes time.
    """

    form: str
    sizes: Mapping[str, int]
    rows: tuple[str, ...]
    scalars: Mapping[str, int | float | bool] = field(default_factory=dict)
    operations: Callable[[Mapping[str, int]], int] = lambda sizes: 0
    compared_rows: int = 32


def _matmul(sizes: Mapping[str, int]) -> int:
    return 2 * sizes["M"] * sizes["N"] * sizes["K"]


def _attention(sizes: Mapping[str, int]) -> int:
    return 4 * sizes["B"] * sizes["H"] * sizes["L"] * sizes["S"] * sizes["D"]


def _conv2d(sizes: Mapping[str, int]) -> int:
    height, width = (sizes[side] - sizes[f"K{side}"] + 3 for side in "HW")
    return 2 * sizes["B"] * sizes["O"] * height * width * sizes["C"] * sizes["KH"] * sizes["KW"]


SHAPES: Final[dict[str, Shape]] = {
    "matmul": Shape("matrices", {"M": 4096, "N": 4096, "K": 4096}, ("a",), operations=_matmul),
    "softmax": Shape("rows", ROW_SIZES, ("x",)),
    "layer_norm": Shape("rows", ROW_SIZES, ("x",), {"eps": 1e-5}),
    "attention": Shape(
        "heads", {"B": 4, "H": 16, "L": 1024, "S": 1024, "D": 64}, ("q", "k", "v"),
        {"scale": 0.125, "causal": False}, _attention, compared_rows=1,
    ),
    "conv2d": Shape(
        "images", {"B": 32, "C": 64, "H": 56, "W": 56, "O": 64, "KH": 3, "KW": 3}, ("x",),
        {"stride": 1, "padding": 1}, _conv2d, compared_rows=2,
    ),
}  # fmt: skip


def benchmark_case(operator: Operator, shape: Shape, dtype: str, seed: int) -> Case:
    """Returns the case that is timed: ordinary values, contiguous tensors."""
    tensors = {tensor.name: _ordinary(tensor, dtype) for tensor in operator.tensors}
    return Case(
        operator=operator.name,
        form=shape.form,
        dtype=dtype,
        sizes=dict(shape.sizes),
        scalars=dict(shape.scalars),
        tensors=tensors,
        seed=seed,
    )


def some_rows(arguments: Sequence[ArgumentValue], shape: Shape, rows: torch.Tensor) -> tuple[ArgumentValue, ...]:
    """Returns the arguments with these rows of the tensors whose first axis is the result's."""
    return tuple(
        _rows_of(argument, rows) if isinstance(argument, TensorValue) and argument.name in shape.rows else argument
        for argument in arguments
    )


def _rows_of(tensor: TensorValue, rows: torch.Tensor) -> TensorValue:
    some = tensor.view[rows].contiguous()
    return TensorValue(tensor.name, tensor.dtype, some.reshape(-1), tuple(some.shape), some.stride(), 0)


def _ordinary(tensor: TensorInput, dtype: str) -> TensorPlan:
    values = "normal" if "normal" in tensor.values else tensor.values[0]
    own = tensor.dtypes[0]
    return TensorPlan(
        values=values, special="none", position="first", layout="contiguous",
        dtype=None if own in (CASE_DTYPE, dtype) else own,
    )  # fmt: skip

"""From a case to the bytes of its arguments. Deterministic: the same case gives the same bytes on every machine.

Each tensor is a view into a one-dimensional base buffer that ends with the view's last element, so that the runner can
put it flush against a guard page. Elements of the base that the view does not reach hold NaN (floats) or a value that
no element may have (integers): a kernel that ignores a stride reads them and is found out.

The layout 'huge' puts 2³⁰ elements and more between rows, so that the offset of the third row does not fit into 32
bits. Such a base is never made here: it would fill the memory. Its elements travel alone, and the runner puts them in
place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch

from runners.cases import Case
from runners.dtypes import TORCH_DTYPES
from runners.filling import floats, integers
from runners.input_classes import Layout
from runners.operators.model import Operator, ScalarInput, TensorInput
from runners.operators.sizes import evaluate

GAPS: Final = {"int64": 1 << 40, "int32": 1 << 28, "int8": 113, "uint8": 0xD7}  # in ranges of ids, never an id
PAD: Final = 5
STEP: Final = 2
HUGE_STRIDE: Final = (1 << 30) + 16  # the third row is beyond 2³¹ elements, and the stride itself fits into 32 bits


@dataclass(frozen=True, slots=True)
class TensorValue:
    """A tensor argument on the host.

    Attributes:
        base: One-dimensional and contiguous, on the CPU; where `sparse`, the elements alone in C order.
        sparse: Whether the base is too large to be made, so that strides and offset hold in the runner only.
    """

    name: str
    dtype: str
    base: torch.Tensor
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    sparse: bool = False

    @property
    def view(self) -> torch.Tensor:
        """The tensor as the candidate sees it, its strides aside where it is sparse."""
        if self.sparse:
            return self.base.view(self.shape)
        return self.base.as_strided(self.shape, self.strides, self.offset)

    @property
    def mapped_bytes(self) -> int:
        """How large the base buffer is in the runner."""
        elements = self.base.numel()
        if self.sparse:
            reach = sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
            elements = self.offset + reach + 1
        return elements * self.base.element_size()

    @property
    def base_bytes(self) -> memoryview:
        """The bytes that travel: those of the base buffer, or of the elements where it is sparse; not copied."""
        return self.base.view(torch.uint8).numpy().data if self.base.numel() else memoryview(b"")


@dataclass(frozen=True, slots=True)
class ScalarValue:
    """A plain scalar argument."""

    name: str
    value: bool | int | float


ArgumentValue = TensorValue | ScalarValue


class _Placement(NamedTuple):
    strides: tuple[int, ...]
    offset: int


def materialise(operator: Operator, case: Case) -> tuple[ArgumentValue, ...]:
    """Makes the arguments of `case` in the operator's order.

    Raises:
        KeyError: the case names a form, size or tensor that the operator does not have.
    """
    form = operator.form(case.form)
    arguments: list[ArgumentValue] = []
    for index, given in enumerate(operator.inputs):
        match given:
            case ScalarInput(name=name) if name in form.arguments:
                arguments.append(ScalarValue(name, evaluate(form.arguments[name], case.values)))
            case ScalarInput(name=name):
                arguments.append(ScalarValue(name, case.scalars[name]))
            case TensorInput(name=name):
                shape = form.shape(name, case.values)
                arguments.append(_tensor(given, case, shape, np.random.default_rng([case.seed, index])))
    return tuple(arguments)


def _tensor(given: TensorInput, case: Case, shape: tuple[int, ...], rng: np.random.Generator) -> TensorValue:
    layout, dtype = case.tensors[given.name].layout, case.dtype_of(given.name)
    expanded = layout == "expanded" and len(shape) > 0 and shape[0] > 0
    stored = (1, *shape[1:]) if expanded else shape
    logical = _elements(given, case, stored, rng).to(TORCH_DTYPES[dtype])
    if layout == "huge" and len(shape) >= 2 and 0 not in shape:
        strides = (HUGE_STRIDE, *_row_major(shape)[1:])
        return TensorValue(given.name, dtype, logical.reshape(-1), shape, strides, 0, sparse=True)
    placement = _place("contiguous" if expanded else layout, stored)
    gap = math.nan if given.whole is None else GAPS[dtype]
    base = torch.full((_extent(stored, placement),), gap, dtype=TORCH_DTYPES[dtype])
    base.as_strided(stored, placement.strides, placement.offset).copy_(logical)
    strides = (0, *placement.strides[1:]) if expanded else placement.strides
    return TensorValue(given.name, dtype, base, shape, strides, placement.offset)


def _elements(given: TensorInput, case: Case, shape: tuple[int, ...], rng: np.random.Generator) -> torch.Tensor:
    plan = case.tensors[given.name]
    if given.whole is None:
        return torch.from_numpy(floats(plan, shape, case.dtype_of(given.name), given.specials, rng))
    lowest, highest = evaluate(given.whole.lowest, case.values), evaluate(given.whole.highest, case.values)
    return torch.from_numpy(integers(plan, shape, lowest, highest, given.whole.ignored, rng))


def _place(layout: Layout, shape: tuple[int, ...]) -> _Placement:
    rank = len(shape)
    match layout:
        case "transposed" if rank >= 2:
            inner = _row_major((*shape[:-2], shape[-1], shape[-2]))
            return _Placement((*inner[:-2], inner[-1], inner[-2]), 0)
        case "permuted" if rank >= 3:  # as (batch, heads, length, width) stored by length, then heads
            inner = _row_major((*shape[:-3], shape[-2], shape[-3], shape[-1]))
            return _Placement((*inner[:-3], inner[-2], inner[-3], inner[-1]), 0)
        case "row_padded" if rank >= 2:
            return _Placement(_row_major((*shape[:-1], shape[-1] + PAD)), 2)
        case "column_padded" if rank >= 2:  # a part of a wider buffer, transposed
            inner = _row_major((*shape[:-2], shape[-1], shape[-2] + PAD))
            return _Placement((*inner[:-2], inner[-1], inner[-2]), 2)
        case "stepped" | "transposed":
            return _Placement(tuple(STEP * stride for stride in _row_major(shape)), 0)
        case "offset" | "row_padded" | "column_padded":
            return _Placement(_row_major(shape), 3)
        case _:
            return _Placement(_row_major(shape), 0)


def _row_major(shape: Sequence[int]) -> tuple[int, ...]:
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _extent(shape: tuple[int, ...], placement: _Placement) -> int:
    if 0 in shape:
        return 0
    reach = sum((size - 1) * stride for size, stride in zip(shape, placement.strides, strict=True))
    return placement.offset + reach + 1

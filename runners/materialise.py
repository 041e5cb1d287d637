"""From a case to the bytes of its arguments. Deterministic: the same case gives the same bytes on every machine.

Each tensor is a view into a one-dimensional base buffer that ends with the view's last element, so that the runner can
put it flush against a guard page. Elements of the base that the view does not reach hold NaN (floats) or an impossible
label (integers): a kernel that ignores a stride reads them and is found out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from runners.cases import Case, TensorPlan
from runners.operators.model import Layout, Operator, ScalarInput, TensorInput

Values = NDArray[np.float64] | NDArray[np.int64]

TORCH_DTYPES: Final = {
    "float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16,
    "int64": torch.int64, "int32": torch.int32, "int8": torch.int8, "uint8": torch.uint8,
}  # fmt: skip
IMPOSSIBLE_LABEL: Final = 1 << 40
IGNORED_LABEL: Final = -100
PAD: Final = 5
STEP: Final = 2


@dataclass(frozen=True, slots=True)
class TensorValue:
    """A tensor argument on the host: `base` is one-dimensional and contiguous, on the CPU."""

    name: str
    dtype: str
    base: torch.Tensor
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    @property
    def view(self) -> torch.Tensor:
        """The tensor as the candidate sees it."""
        return self.base.as_strided(self.shape, self.strides, self.offset)

    @property
    def base_bytes(self) -> memoryview:
        """The base buffer's bytes, not copied."""
        return self.base.view(torch.uint8).numpy().data if self.base.numel() else memoryview(b"")


@dataclass(frozen=True, slots=True)
class ScalarValue:
    """A plain scalar argument."""

    name: str
    value: int | float


ArgumentValue = TensorValue | ScalarValue


class _Placement(NamedTuple):
    strides: tuple[int, ...]
    offset: int


def materialise(operator: Operator, case: Case) -> tuple[ArgumentValue, ...]:
    """Makes the arguments of `case` in the operator's order.

    Raises:
        KeyError: the case names a form, size or tensor that the operator does not have.
    """
    shapes = operator.form(case.form).shapes
    arguments: list[ArgumentValue] = []
    for index, given in enumerate(operator.inputs):
        match given:
            case ScalarInput(name=name):
                arguments.append(ScalarValue(name, case.scalars[name]))
            case TensorInput():
                shape = tuple(d if isinstance(d, int) else case.sizes[d] for d in shapes[given.name])
                arguments.append(_tensor(given, case, shape, np.random.default_rng([case.seed, index])))
    return tuple(arguments)


def _tensor(given: TensorInput, case: Case, shape: tuple[int, ...], rng: np.random.Generator) -> TensorValue:
    plan = case.tensors[given.name]
    dtype = given.dtype or case.dtype
    expanded = plan.layout == "expanded" and len(shape) > 0 and shape[0] > 0
    stored = (1, *shape[1:]) if expanded else shape
    placement = _place("contiguous" if expanded else plan.layout, stored)
    if given.labels_below is not None:
        logical = torch.from_numpy(_labels(plan, stored, case.sizes[given.labels_below], rng))
    else:
        logical = torch.from_numpy(_specials(_floats(plan, stored, dtype, rng), plan, dtype, rng))
    gap = math.nan if given.labels_below is None else IMPOSSIBLE_LABEL
    base = torch.full((_extent(stored, placement),), gap, dtype=TORCH_DTYPES[dtype])
    base.as_strided(stored, placement.strides, placement.offset).copy_(logical)
    strides = (0, *placement.strides[1:]) if expanded else placement.strides
    return TensorValue(given.name, dtype, base, shape, strides, placement.offset)


def _place(layout: Layout, shape: tuple[int, ...]) -> _Placement:
    rank = len(shape)
    match layout:
        case "transposed" if rank >= 2:
            inner = _row_major((*shape[:-2], shape[-1], shape[-2]))
            return _Placement((*inner[:-2], inner[-1], inner[-2]), 0)
        case "row_padded" if rank >= 2:
            return _Placement(_row_major((*shape[:-1], shape[-1] + PAD)), 2)
        case "stepped" | "transposed":
            return _Placement(tuple(STEP * stride for stride in _row_major(shape)), 0)
        case "offset" | "row_padded":
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


def _floats(plan: TensorPlan, shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> NDArray[np.float64]:
    narrow = dtype == "float16"
    match plan.values:
        case "unit":
            return rng.uniform(-1, 1, shape)
        case "positive":
            return rng.random(shape)
        case "integers":
            return rng.integers(-4, 5, shape).astype(np.float64)
        case "ramp":
            return (np.arange(math.prod(shape)) % 251 / 16.0 - 4).reshape(shape)
        case "wide":
            # ldexp is exact; a power of a fraction differs from processor to processor in its last bit
            return np.ldexp(
                np.copysign(rng.uniform(1, 2, shape), rng.uniform(-1, 1, shape)), rng.integers(-10, 10, shape)
            )
        case "large":
            return rng.uniform(-1, 1, shape) * (300.0 if narrow else 1e4)
        case "denormal":
            return rng.uniform(-1, 1, shape) * (1e-6 if narrow else 1e-39)
        case "constant":
            return np.full(shape, rng.standard_normal())
        case "shifted":
            exact = dtype in ("float32", "float64")
            return (300.0 if exact else 60.0) + rng.standard_normal(shape) * (0.05 if exact else 1.0)
        case "zeros":
            return np.zeros(shape)
        case "very_negative":
            return -rng.uniform(100, 200, shape)
        case _:
            return rng.standard_normal(shape)


def _labels(plan: TensorPlan, shape: tuple[int, ...], below: int, rng: np.random.Generator) -> NDArray[np.int64]:
    labels = rng.integers(0, below, shape)
    match plan.values:
        case "label_first":
            labels[...] = 0
        case "label_last":
            labels[...] = below - 1
        case "labels_some_ignored":
            labels[rng.random(shape) < 0.5] = IGNORED_LABEL
    return labels


def _specials(
    values: NDArray[np.float64], plan: TensorPlan, dtype: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    if plan.special == "none" or values.size == 0:
        return values
    rows = values.reshape(-1, values.shape[-1])
    length = rows.shape[1]
    if plan.special in ("-inf_row", "-inf_prefix"):
        row = 0 if plan.position == "first" else rows.shape[0] - 1
        stop = length if plan.special == "-inf_row" else min(max(1, 2 * length // 3), length - 1)
        rows[row, :stop] = -np.inf
        return values
    where = {
        "first": 0,
        "last": values.size - 1,
        "row_end": length - 1,
        "random": int(rng.integers(values.size)),
    }
    rows.reshape(-1)[where[plan.position]] = _special_value(plan.special, dtype)
    return values


def _special_value(special: str, dtype: str) -> float:
    info = torch.finfo(TORCH_DTYPES[dtype])
    return {
        "nan": math.nan,
        "inf": math.inf,
        "-inf": -math.inf,
        "-0": -0.0,
        "max": info.max,
        "big": min(info.max, 2.0**60),
        "denormal": 3 * info.smallest_normal * info.eps,
    }[special]

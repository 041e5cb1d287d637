"""What a right result may be: an interval for each element, from two references and a condition term.

The reference runs in float64 (y64) and in float32 (y32) on the same low-precision inputs. A float32 computation may err
by  δ = max(4·2⁻²⁴·S, 2·|y32 − y64|) + 256·2⁻¹⁴⁹,  S being the operator's condition term; the last term is room for
underflow. Results of 16 bits are right when round(y64 − δ) ≤ y ≤ round(y64 + δ): they are rounded once, so a kernel
that rounds in between is found out; float32 when |y − y64| ≤ 2⁻²⁴·|y64| + δ.

Non-finite results must match by position and class (NaN, +Inf, −Inf), except where the two references disagree about
the class or where an intermediate of a float32 computation may overflow: there the input decides nothing.

Measured in the experiment that this follows: 520 plans over 13 right kernels gave no false denial, also under emulated
GPU rounding; a fixed tolerance of 1e-2 missed a quarter of the mutants and denied 3–7 % of right runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from runners.evidence import WrongElement
from runners.materialise import TORCH_DTYPES, ArgumentValue, ScalarValue
from runners.operators.model import Operator, Outputs

UNIT: Final = 2.0**-24
UNDERFLOW: Final = 256 * 2.0**-149
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """What one result tensor must be. All tensors float64 on the CPU, in the result's shape.

    Attributes:
        dtype: The dtype that the result must have.
        exact: y64.
        low: Smallest value that is right; NaN where the reference is NaN.
        high: Largest value that is right.
        free: True where anything goes.
    """

    dtype: str
    exact: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    free: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the result must have."""
        return tuple(self.exact.shape)

    @property
    def bytes(self) -> int:
        """How many bytes the result has."""
        return self.exact.numel() * TORCH_DTYPES[self.dtype].itemsize


@dataclass(frozen=True, slots=True)
class Comparison:
    """One result against what was expected.

    Attributes:
        wrong: How many elements are wrong.
        total: How many elements there are.
        nonfinite: Whether the first wrong element differs in class (NaN, ±Inf, finite) rather than in value.
        first: The first wrong elements in C order, at most five.
        worst_ratio: Largest error over its allowance among finite right elements; 1 is the edge.
    """

    wrong: int
    total: int
    nonfinite: bool
    first: tuple[WrongElement, ...]
    worst_ratio: float


def expect(operator: Operator, dtype: str, arguments: Sequence[ArgumentValue]) -> tuple[Expected, ...]:
    """Computes what is right for `arguments`: one `Expected` for each result tensor of the operator."""
    doubles = [_as(argument, torch.float64) for argument in arguments]
    singles = [_as(argument, torch.float32) for argument in arguments]
    exact = _tuple(operator.reference(*doubles))
    single = _tuple(operator.reference(*singles))
    conditions = _tuple(operator.condition(*doubles))
    overflows = _may_overflow(operator, doubles)
    return tuple(
        _interval(operator, dtype, y64, y32.double(), s, free)
        for y64, y32, s, free in zip(exact, single, conditions, overflows, strict=True)
    )


def _may_overflow(operator: Operator, doubles: Sequence[torch.Tensor | int | float]) -> tuple[torch.Tensor, ...]:
    """Where a float32 intermediate may overflow by itself, infinities of the input aside."""
    finite = [
        value.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0) if isinstance(value, torch.Tensor) else value
        for value in doubles
    ]
    return tuple(scale > 0.5 * torch.finfo(torch.float32).max for scale in _tuple(operator.condition(*finite)))


def compare(expected: Expected, got: torch.Tensor) -> Comparison:
    """Compares a result (dtype and shape already found right) with what was expected."""
    values = got.double()
    inside = (values >= expected.low) & (values <= expected.high)
    right = inside | (values.isnan() & expected.exact.isnan()) | expected.free
    wrong = int((~right).sum())
    ratio = _worst_ratio(expected, values, right)
    if wrong == 0:
        return Comparison(0, values.numel(), False, (), ratio)
    places = (~right).nonzero()[:SHOWN]
    first = tuple(_element(expected, values, tuple(int(i) for i in place)) for place in places)
    at = tuple(places[0])
    nonfinite = bool(_classes(values)[at] != _classes(expected.exact)[at])
    return Comparison(wrong, values.numel(), nonfinite, first, ratio)


def _as(argument: ArgumentValue, dtype: torch.dtype) -> torch.Tensor | int | float:
    if isinstance(argument, ScalarValue):
        return argument.value
    return argument.view.to(dtype) if argument.view.is_floating_point() else argument.view


def _tuple(outputs: Outputs) -> tuple[torch.Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _interval(
    operator: Operator,
    dtype: str,
    y64: torch.Tensor,
    y32: torch.Tensor,
    condition: torch.Tensor,
    overflows: torch.Tensor,
) -> Expected:
    target = TORCH_DTYPES[dtype]
    largest = torch.finfo(target).max
    zero = torch.zeros((), dtype=torch.float64)
    scale = condition.broadcast_to(y64.shape).nan_to_num(nan=0.0)
    difference = (y32 - y64).abs().nan_to_num(nan=0.0, posinf=0.0)
    delta = torch.maximum(4 * UNIT * scale, 2 * difference) + UNDERFLOW
    if target == torch.float32:
        delta = delta + UNIT * y64.abs()
    delta = torch.where(y64.isfinite(), delta, zero)
    low, high = _rounded(y64 - delta, target, largest), _rounded(y64 + delta, target, largest)
    free = (_classes(y64.to(target)) != _classes(y32.to(target))) | overflows
    if not operator.propagates_nonfinite:
        free |= ~y64.isfinite()
    return Expected(dtype, y64, low, high, free)


def _rounded(edge: torch.Tensor, target: torch.dtype, largest: float) -> torch.Tensor:
    if target != torch.float32:
        return edge.to(target).double()
    infinite = torch.full_like(edge, torch.inf).copysign(edge)
    return torch.where(edge.abs() > largest, infinite, edge)


def _classes(values: torch.Tensor) -> torch.Tensor:
    return values.isnan() * 1 + values.isposinf() * 2 + values.isneginf() * 3


def _worst_ratio(expected: Expected, values: torch.Tensor, right: torch.Tensor) -> float:
    room = (expected.high - expected.low) / 2
    measured = right & ~expected.free & values.isfinite() & room.isfinite() & (room > 0)
    if not bool(measured.any()):
        return 0.0
    middle = (expected.high + expected.low) / 2
    return float(((values - middle).abs() / room)[measured].max())


def _element(expected: Expected, values: torch.Tensor, at: tuple[int, ...]) -> WrongElement:
    return WrongElement(
        index=at,
        got=float(values[at]),
        expected=float(expected.exact[at]),
        low=float(expected.low[at]),
        high=float(expected.high[at]),
    )

"""What a right result may be: an interval for each element, from two references and the room that rounding needs.

The reference runs in float64 (y64) and in float32 (y32) on the same low-precision inputs. A float32 computation may err
by  δ = max(4·2⁻²⁴·S, 2·|y32 − y64|) + 256·2⁻¹⁴⁹,  S being the operator's condition term; where it declares none,
4·max|ỹ − y64| over Monte-Carlo runs ỹ stands for 4·2⁻²⁴·S (`runners.montecarlo`). The last term is room for underflow,
256·2⁻¹²⁶ where the operator lets denormals flush. Where a policy allows tf32, 2·2⁻¹⁰·Σ|terms| is added for float32.

Results of 16 bits are right when round(y64 − δ) ≤ y ≤ round(y64 + δ): they are rounded once, so a kernel that rounds in
between is found out; float32 when |y − y64| ≤ 2⁻²⁴·|y64| + δ; float64 (whose reference rounds as the kernel does) when
|y − y64| ≤ 2⁻⁵²·|y64| + 2·4·2⁻⁵³·S. An integer result is right when it equals the reference's, or, where that computes
it as floats, when it is rounded half to even from anywhere within y64 ± δ.

Where S = 0 nothing rounds before the result does: what is selected is itself, and a single addition is rounded as
IEEE 754 says, both to the bit. Where an operator copies, a zero keeps its sign.

Non-finite results must match by position and class (NaN, +Inf, −Inf), except where the two references disagree about
the class, where a Monte-Carlo run changes it, or where an intermediate of a float32 computation may overflow: there the
input decides nothing. A result in float64 has to be computed in it: the float32 reference says nothing about its class,
and it is free only where an intermediate may overflow in float64.

Measured in the experiment that this follows: 520 plans over 13 right kernels gave no false denial, also under emulated
GPU rounding; a fixed tolerance of 1e-2 missed a quarter of the mutants and denied 3–7 % of right runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final

import torch

from runners.dtypes import TORCH_DTYPES
from runners.evidence import WrongElement
from runners.materialise import ArgumentValue, ScalarValue
from runners.montecarlo import spread
from runners.operators.model import CASE_DTYPE, Operator, Outputs

UNIT: Final = 2.0**-24
DOUBLE_UNIT: Final = 2.0**-53
TF32_UNIT: Final = 2.0**-10
SMALLEST_HALF: Final = 2.0**-24
UNDERFLOW: Final = 256 * 2.0**-149
FLUSHED: Final = 256 * 2.0**-126
SINGLE_MAX: Final = torch.finfo(torch.float32).max
DOUBLE_MAX: Final = torch.finfo(torch.float64).max
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a policy lets a right kernel do beyond rounding; the default is nothing.

    Attributes:
        tf32: Matrix products of float32 may round their factors to tf32.
    """

    tf32: bool = False


STRICT: Final = Allowance()


@dataclass(frozen=True, slots=True)
class Expected:
    """What one result tensor must be. All tensors float64 on the CPU, in the result's shape.

    Attributes:
        dtype: The dtype that the result must have.
        exact: y64.
        low: Smallest value that is right; NaN where the reference is NaN.
        high: Largest value that is right.
        free: True where anything goes.
        copied: Whether a zero must have the sign that it has in `exact`.
    """

    dtype: str
    exact: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    free: torch.Tensor
    copied: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the result must have."""
        return tuple(self.exact.shape)

    @property
    def bytes(self) -> int:
        """How many bytes the result has."""
        return self.exact.numel() * TORCH_DTYPES[self.dtype].itemsize

    @property
    def judged(self) -> int:
        """How many elements can be wrong at all: those that are not free."""
        return self.exact.numel() - int(self.free.broadcast_to(self.exact.shape).sum())


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


@dataclass(frozen=True, slots=True)
class _Room:
    """What rounding may do to one result: `scale` is S (or its measured equal), `unstable` where it changes a class."""

    scale: torch.Tensor
    unstable: torch.Tensor


def expect(
    operator: Operator, dtype: str, arguments: Sequence[ArgumentValue], allowance: Allowance = STRICT
) -> tuple[Expected, ...]:
    """Computes what is right for `arguments`: one `Expected` for each result tensor of the operator."""
    reference = bound_reference(operator, dtype)
    doubles = [in_precision(argument, torch.float64) for argument in arguments]
    singles = [in_precision(argument, torch.float32) for argument in arguments]
    exact = _tuple(reference(*doubles))
    single = _tuple(reference(*singles))
    rooms = _rooms(operator, lambda: reference(*doubles), doubles, exact)
    products = _products(operator, dtype, doubles, allowance)
    targets = tuple(dtype if result == CASE_DTYPE else result for result in operator.results)
    overflows = _may_overflow(operator, doubles, exact, targets)
    return tuple(
        _whole(target, y64, y32, room) if not TORCH_DTYPES[target].is_floating_point
        else _interval(operator, target, y64, y32.double(), room, overflow, products)
        for target, y64, y32, room, overflow in zip(targets, exact, single, rooms, overflows, strict=True)
    )  # fmt: skip


def bound_reference(operator: Operator, dtype: str) -> Callable[..., Outputs]:
    """Returns the reference with `store`, if it asks for it, bound to rounding to the dtype of the case."""
    written = isinstance(operator.reference, FunctionType)  # torch's own functions have no signature
    if not written or "store" not in inspect.signature(operator.reference).parameters:
        return operator.reference
    target = TORCH_DTYPES[dtype]

    def reference(*arguments: Any) -> Outputs:
        return operator.reference(*arguments, store=lambda tensor: tensor.to(target).to(tensor.dtype))

    return reference


def _rooms(
    operator: Operator, reference: Callable[[], Outputs], doubles: Sequence[Any], exact: Sequence[torch.Tensor]
) -> tuple[_Room, ...]:
    never = torch.zeros((), dtype=torch.bool)
    if operator.condition is not None:
        return tuple(_Room(term, never) for term in _tuple(operator.condition(*doubles)))
    rooms = []
    # The signs of the errors are fixed: the same case must have the same bounds on every machine, at every replay.
    for y64, runs in zip(exact, zip(*spread(reference, seed=0), strict=True), strict=True):
        difference = torch.stack([(run - y64).abs() for run in runs]).nan_to_num(nan=0.0, posinf=0.0)
        unstable = torch.stack([_classes(run) != _classes(y64) for run in runs]).any(0)
        rooms.append(_Room(difference.amax(0) / UNIT, unstable))
    return tuple(rooms)


def _may_overflow(
    operator: Operator,
    doubles: Sequence[torch.Tensor | int | float],
    exact: Sequence[torch.Tensor],
    targets: Sequence[str],
) -> tuple[torch.Tensor, ...]:
    """Where an intermediate of the computation's precision may overflow by itself, infinities of the input aside."""
    edges = [0.5 * (DOUBLE_MAX if target == "float64" else SINGLE_MAX) for target in targets]
    if operator.condition is None:
        pairs = zip(exact, edges, strict=True)
        return tuple(y64.abs() > edge if y64.is_floating_point() else y64 != y64 for y64, edge in pairs)
    finite = [
        value.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        if isinstance(value, torch.Tensor) and value.is_floating_point()
        else value
        for value in doubles
    ]
    terms = zip(_tuple(operator.condition(*finite)), edges, targets, strict=True)
    # A term that is infinite says that there is no bound; in float64 it may as well be the term that overflows.
    return tuple((term > edge) & (term.isfinite() | (target == "float64")) for term, edge, target in terms)


def _products(operator: Operator, dtype: str, doubles: Sequence[Any], allowance: Allowance) -> torch.Tensor:
    if not allowance.tf32 or operator.products is None or dtype != "float32":
        return torch.zeros((), dtype=torch.float64)
    return 2 * TF32_UNIT * operator.products(*doubles).nan_to_num(nan=0.0, posinf=0.0)


def compare(expected: Expected, got: torch.Tensor) -> Comparison:
    """Compares a result (dtype and shape already found right) with what was expected."""
    values = got.double()
    right = are_right(expected, values)
    wrong = int((~right).sum())
    ratio = _worst_ratio(expected, values, right)
    if wrong == 0:
        return Comparison(0, values.numel(), False, (), ratio)
    places = (~right).nonzero()[:SHOWN]
    first = tuple(_element(expected, values, tuple(int(i) for i in place)) for place in places)
    at = tuple(places[0])
    nonfinite = bool(_classes(values)[at] != _classes(expected.exact)[at])
    return Comparison(wrong, values.numel(), nonfinite, first, ratio)


def are_right(expected: Expected, values: torch.Tensor) -> torch.Tensor:
    """Says of each element (float64, in the result's shape) whether it is right."""
    inside = (values >= expected.low) & (values <= expected.high)
    if expected.copied:
        inside &= (values.signbit() == expected.exact.signbit()) | (expected.exact != 0)
    return inside | (values.isnan() & expected.exact.isnan()) | expected.free


def in_precision(argument: ArgumentValue, dtype: torch.dtype) -> torch.Tensor | int | float:
    """Returns the argument as a reference takes it: floats in `dtype`, integers and scalars as they are."""
    if isinstance(argument, ScalarValue):
        return argument.value
    return argument.view.to(dtype) if argument.view.is_floating_point() else argument.view


def _tuple(outputs: Outputs) -> tuple[torch.Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _whole(target: str, y64: torch.Tensor, y32: torch.Tensor, room: _Room) -> Expected:
    """Expects an integer result; computed as floats, it may be rounded from anywhere within the bound."""
    if not y64.is_floating_point():
        value = y64.double()  # exact below 2⁵³, which sizes, positions and counts are
        return Expected(target, value, value, value, torch.zeros((), dtype=torch.bool))
    difference = (y32.double() - y64).abs().nan_to_num(nan=0.0, posinf=0.0)
    delta = torch.maximum(4 * UNIT * room.scale.broadcast_to(y64.shape), 2 * difference).nan_to_num(nan=0.0)
    free = ~y64.isfinite() | room.unstable
    return Expected(target, y64, (y64 - delta).round(), (y64 + delta).round(), free)


def _interval(
    operator: Operator,
    dtype: str,
    y64: torch.Tensor,
    y32: torch.Tensor,
    room: _Room,
    overflows: torch.Tensor,
    products: torch.Tensor,
) -> Expected:
    target = TORCH_DTYPES[dtype]
    delta = _delta(operator, target, y64, y32, room.scale) + products
    delta = torch.where(y64.isfinite(), delta, torch.zeros((), dtype=torch.float64))
    largest = torch.finfo(target).max
    low, high = _rounded(y64 - delta, target, largest), _rounded(y64 + delta, target, largest)
    low, high = _narrowed(operator, target, y64, y32, room.scale, (low, high))
    unbounded = room.scale.isinf() & y64.isfinite()
    low, high = torch.where(unbounded, -largest, low), torch.where(unbounded, largest, high)
    single = y64 if target == torch.float64 else y32
    unclear = _classes(y64.to(target)) != _classes(single.to(target))
    free = (unclear & ~unbounded) | overflows | room.unstable
    if not operator.propagates_nonfinite:
        free |= ~y64.isfinite()
    return Expected(dtype, y64, low, high, free, operator.copies)


def _narrowed(
    operator: Operator,
    target: torch.dtype,
    y64: torch.Tensor,
    y32: torch.Tensor,
    condition: torch.Tensor,
    edges: tuple[torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where nothing rounds before the result does, the references rounded once; 16 bits are rounded so anyway."""
    if operator.may_flush or target not in (torch.float32, torch.float64):
        return edges
    once = y64.to(target).double()
    single = once if target == torch.float64 else y32
    exact = (condition == 0) & y64.isfinite()
    low, high = torch.minimum(once, single), torch.maximum(once, single)
    return torch.where(exact, low, edges[0]), torch.where(exact, high, edges[1])


def _delta(
    operator: Operator, target: torch.dtype, y64: torch.Tensor, y32: torch.Tensor, condition: torch.Tensor
) -> torch.Tensor:
    scale = condition.broadcast_to(y64.shape).nan_to_num(nan=0.0)
    if target == torch.float64:
        return 2 * DOUBLE_UNIT * (4 * scale + y64.abs())
    difference = (y32 - y64).abs().nan_to_num(nan=0.0, posinf=0.0)
    delta = torch.maximum(4 * UNIT * scale, 2 * difference) + (FLUSHED if operator.may_flush else UNDERFLOW)
    if target == torch.float16:  # half of an odd denormal is a tie before anything else is computed: x/2 · (1 + erf)
        return torch.where(scale > 0, delta + SMALLEST_HALF / 2, delta)
    return delta + UNIT * y64.abs() if target == torch.float32 else delta


def _rounded(edge: torch.Tensor, target: torch.dtype, largest: float) -> torch.Tensor:
    if target not in (torch.float32, torch.float64):
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
    middle = expected.low + room  # the sum of the edges may overflow
    return float(((values - middle).abs() / room)[measured].max())


def _element(expected: Expected, values: torch.Tensor, at: tuple[int, ...]) -> WrongElement:
    return WrongElement(
        index=at,
        got=float(values[at]),
        expected=float(expected.exact[at]),
        low=float(expected.low[at]),
        high=float(expected.high[at]),
    )

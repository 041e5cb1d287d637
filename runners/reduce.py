"""From a failing case to the smallest one that still fails.

Hypothesis can shrink what it drew but not the cases of the covering plan, and it can't be told that a failing run may
cost a container. A case is a flat record whose fields have a simplest value, so greedy descent is enough: try each
field's simplest value first, then steps towards it, until nothing smaller fails. The number of runs and of lost runners
is bounded; the smallest case so far is the answer whenever the budget ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from runners.cases import Case, TensorPlan
from runners.evidence import AccessFault, CodeRaised, Failure, RunnerEnded, WrongForm
from runners.examine import is_noisy
from runners.operators.model import POSITIONS, Operator, TensorInput
from runners.plans import own_dtype


@dataclass(frozen=True, slots=True)
class Budget:
    """What reducing may cost: `runs`, `lost_runners` among them, and `wall_s`."""

    runs: int = 60
    lost_runners: int = 2
    wall_s: float = 6.0


class Reduced(NamedTuple):
    """The failure on the smallest case, and how many runs it took to find it."""

    failure: Failure
    runs: int


def reduce(
    operator: Operator,
    case: Case,
    failure: Failure,
    run: Callable[[Case], Failure | None],
    budget: Budget = Budget(),  # frozen
) -> Reduced:
    """Returns the failure on the smallest case for which `run` still returns one of the same kind."""
    started = time.monotonic()
    runs = lost = 0
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(operator, case):
            if runs >= budget.runs or lost >= budget.lost_runners or time.monotonic() - started > budget.wall_s:
                return Reduced(failure, runs)
            runs += 1
            result = run(smaller)
            lost += isinstance(result, RunnerEnded)
            if result is not None and _alike(result, failure):
                case, failure, progress = smaller, result, True
                break
    return Reduced(failure, runs)


def _alike(smaller: Failure, failure: Failure) -> bool:
    """Whether both have one cause as far as can be seen; a module that no longer loads has another."""
    if smaller.case is None:
        return False
    match smaller, failure:
        case RunnerEnded(how=one), RunnerEnded(how=other):
            return one == other
        case CodeRaised(error=one), CodeRaised(error=other):
            return one == other
        case WrongForm(aspect=one), WrongForm(aspect=other):
            return one == other
        case AccessFault(fault=one), AccessFault(fault=other):
            return one == other
    return smaller.kind == failure.kind


def _smaller(operator: Operator, case: Case) -> Iterator[Case]:
    """Yields the simpler cases that the operator allows, the boldest steps first."""
    return (smaller for smaller in _steps(operator, case) if operator.allows(smaller.values))


def _steps(operator: Operator, case: Case) -> Iterator[Case]:
    if is_noisy(case):  # other numbers, so that what needs no emulated errors is shown without them
        yield case.model_copy(update={"seed": case.seed + 1})
    for tensor in operator.tensors:
        if case.tensors[tensor.name] != _simplest(tensor):
            yield _with(case, tensor.name, _simplest(tensor))
    for form in operator.forms:
        if form.name == case.form:
            break
        sizes = {dim.name: case.sizes.get(dim.name, dim.sizes[0]) for dim in operator.dims if dim.name in form.names}
        yield case.model_copy(update={"form": form.name, "sizes": sizes})
    for dim in operator.dims:
        if dim.name not in case.sizes:
            continue
        for size in _smaller_sizes(case.sizes[dim.name], dim.sizes):
            yield case.model_copy(update={"sizes": case.sizes | {dim.name: size}})
    for dtype in operator.dtypes[: operator.dtypes.index(case.dtype)]:
        yield case.model_copy(update={"dtype": dtype})
    for scalar in operator.scalars:
        if scalar.name in case.scalars and case.scalars[scalar.name] != scalar.values[0]:
            yield case.model_copy(update={"scalars": case.scalars | {scalar.name: scalar.values[0]}})
    for tensor in operator.tensors:
        yield from _smaller_plans(case, tensor)


def _smaller_sizes(size: int, boundaries: tuple[int, ...]) -> Iterator[int]:
    below = sorted({n for n in (*boundaries, size // 2, size - 1) if 0 < n < size})
    yield from below


def _smaller_plans(case: Case, tensor: TensorInput) -> Iterator[Case]:
    plan, simplest = case.tensors[tensor.name], _simplest(tensor)
    for field in ("special", "layout", "values", "position", "dtype"):
        if getattr(plan, field) != getattr(simplest, field):
            yield _with(case, tensor.name, plan.model_copy(update={field: getattr(simplest, field)}))
    if plan.special == "mixed":
        for special, position in product(tensor.specials[1:], POSITIONS[:-1]):  # "none" and "random" are no simpler
            yield _with(case, tensor.name, plan.model_copy(update={"special": special, "position": position}))


def _simplest(tensor: TensorInput) -> TensorPlan:
    return TensorPlan(
        values=tensor.values[0],
        special="none",
        position="first",
        layout=tensor.layouts[0],
        dtype=own_dtype(tensor.dtypes[0]),
    )


def _with(case: Case, name: str, plan: TensorPlan) -> Case:
    return case.model_copy(update={"tensors": case.tensors | {name: plan}})

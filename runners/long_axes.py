"""Each long dim of an operator made long alone, on a GPU: what a grid or an index of a dimension does not reach.

The interpreter makes a dim long as far as a candidate is fast enough; here it is at its full length at once
(`Dim.long`: more than 65,535, which the second and third dimension of a grid end at), in a few cases: ordinary ones, of
which one has rows that are little but their end, then large values or a special (`runners.plans.long_cases`). One that
a result is reduced over is not: many right kernels hold a whole row in one block, and a block of 2¹⁷ elements takes the
compiler minutes or fits no multiprocessor (`runners.launches` has the same reason). It is drawn from what still fills
one block of 2¹⁵, which is 128 KiB in float32 and more shared memory than most blocks ever ask for.

A candidate may refuse a length (`runners.refusals`). Where a block may hold the axis (the last one of a tensor, or the
bins of a result), a call that does not end in time may be at the compiler, and nobody can tell: that is no failure
either. Elsewhere it is one, as on any case.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from runners.cases import Case
from runners.device_evidence import LongAxis
from runners.examine import Agreed
from runners.failures import Failure, RunnerEnded, UnsupportedCase
from runners.operators.model import Dim, Operator
from runners.operators.sizes import names_in
from runners.plans import long_cases
from runners.refusals import refusal

CASES: Final = 4  # of a dim; each takes half a second, nearly all of it Triton's compiler
REDUCED_CASES: Final = 2  # of one that is reduced over, whose large blocks take it seconds
REDUCED: Final = (
    1 << 14,
    1 << 15,
)  # the length of an axis that is reduced over: more than the first, less than the last


class LongCase(NamedTuple):
    """A case in which `dim` alone is long; `in_one_block`: right kernels may hold all of it in one."""

    dim: str
    case: Case
    in_one_block: bool

    def told(self, result: Agreed | UnsupportedCase | Failure) -> LongAxis | Failure:
        """Returns what came of it as evidence, or the failure that it is."""
        refused = None if isinstance(result, Agreed) else self._refused_by(result)
        if not isinstance(result, Agreed | UnsupportedCase) and refused is None:
            return result
        return LongAxis(dim=self.dim, length=self.case.sizes[self.dim], case=self.case.describe(), refused=refused)

    def _refused_by(self, result: UnsupportedCase | Failure) -> str | None:
        """Says why the candidate has no result for such a length; None where it should have one."""
        if isinstance(result, UnsupportedCase):
            return result.reason
        if self.in_one_block and isinstance(result, RunnerEnded) and result.how == "timed_out":
            return f"{result.detail}; a compiler may take longer for so large a block"
        return refusal(result)


def long_axes(operator: Operator, seed: int, dtypes: Sequence[str]) -> Iterator[LongCase]:
    """Yields a few cases for each dim of the operator that it calls long, those of a dim one after the other."""
    chance = random.Random(f"{seed} long axes")
    for dim in (dim for dim in operator.dims if dim.long):
        reduced = dim.name in names_in(operator.reduction)
        for case in _longest(operator, dim, seed, dtypes, chance)[: REDUCED_CASES if reduced else CASES]:
            if reduced:
                length = chance.randrange(*REDUCED) | 1
                case = case.model_copy(update={"sizes": case.sizes | {dim.name: length}})
            if operator.allows(case.values):
                yield LongCase(dim.name, case, reduced or _is_last(operator, dim) or _is_of_the_result(operator, dim))


def _longest(operator: Operator, dim: Dim, seed: int, dtypes: Sequence[str], chance: random.Random) -> list[Case]:
    """The cases of the greatest length: the ordinary ones first, one in each dtype, and both kinds shuffled."""
    cases: list[Case] = []
    for _, some in long_cases(operator, dim, seed, dtypes):
        cases = some or cases
    ordinary, others = cases[: len(dtypes)], cases[len(dtypes) :]
    return [*chance.sample(ordinary, len(ordinary)), *chance.sample(others, len(others))]


def _is_last(operator: Operator, dim: Dim) -> bool:
    shapes = (shape for form in operator.forms for shape in form.shapes.values() if len(shape) > 1)
    return any(dim.name in names_in(shape[-1]) for shape in shapes)


def _is_of_the_result(operator: Operator, dim: Dim) -> bool:
    """Whether a scalar alone says how long it is, as the number of bins of a histogram."""
    return any(dim.name in names_in(size) for form in operator.forms for size in form.arguments.values())

"""How strong an operator's own test is: which degenerate outputs its cases reject.

No candidate and no container is needed: the judge makes each wrong output itself and asks the oracle. A kind of wrong
output is rejected when one case of the plan rejects it, for this plan is what every candidate meets. A kind that never
differs from what is right (the identity, where no argument has the result's shape) does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from runners.degenerate import degenerates
from runners.materialise import materialise
from runners.operators.model import Operator
from runners.oracle import compare, expect
from runners.plans import pairwise


@dataclass(slots=True)
class DegenerateTally:
    """What became of one kind of wrong output.

    Attributes:
        output: Number of the result tensor, from 0.
        tried: Cases in which it differed from what is right.
        rejected: How many of them rejected it.
        first: Number of the first that did, counted from 1 over the plan; None: it would pass.
    """

    kind: str
    output: int
    tried: int = 0
    rejected: int = 0
    first: int | None = None


def reject_degenerates(operator: Operator, seed: int, cases: int, dtypes: Sequence[str]) -> tuple[DegenerateTally, ...]:
    """Returns, for each kind of degenerate output, how the first `cases` cases of the covering plan take it."""
    tallies: dict[tuple[str, int], DegenerateTally] = {}
    for number, case in enumerate(islice(pairwise(operator, seed, dtypes), cases), start=1):
        arguments = materialise(operator, case)
        expected = expect(operator, case.dtype, arguments)
        for wrong in degenerates(operator, case, arguments, expected):
            key = (wrong.kind, wrong.position)
            tally = tallies.setdefault(key, DegenerateTally(*key))
            tally.tried += 1
            if compare(expected[wrong.position], wrong.output).wrong:
                tally.rejected += 1
                tally.first = tally.first or number
    return tuple(tallies.values())

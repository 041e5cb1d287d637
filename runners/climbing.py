"""The search for larger errors: from the case with the largest so far, one choice drawn again at a time.

Hypothesis has a targeted phase, but runs it with its own provider alone, which mines the imported modules for constants
(see `runners.drawing`). A case is a flat record of a dozen choices, so climbing over it is short, starts from the worst
of all cases that were run before, and gives the same cases for the same seed and the same answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from runners.cases import Case
from runners.operators.model import Operator
from runners.plans import redrawn

NEW_NUMBERS = 0.4  # how often only the numbers are drawn again: the largest error hides in few of them


def climb(
    operator: Operator,
    start: Case,
    reached: float,
    dtypes: Sequence[str],
    seed: int,
    count: int,
    score: Callable[[Case], float | None],
) -> None:
    """Calls `score` with up to `count` cases near the best so far (first `start`, with `reached`), or until None."""
    chance = random.Random(seed)
    best = start
    for _ in range(count):
        numbers = chance.getrandbits(64)
        near = best if chance.random() < NEW_NUMBERS else redrawn(operator, best, dtypes, chance)
        case = near.model_copy(update={"seed": numbers})
        result = score(case)
        if result is None:
            return
        if result >= reached:
            best, reached = case, result

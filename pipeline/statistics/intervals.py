"""How far a measured rate can be trusted, and how long things took: exact intervals and nearest-rank percentiles.

The interval is Clopper and Pearson's (Biometrika 26, 1934): the rates under which a count as extreme as the one seen
has a probability of at least 2.5 % on either side. It never promises too much, whatever the rate; none seen among n
still leaves up to 1 − 0.025^(1/n). Found by bisection on the binomial sums, so that the standard library is enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

TAIL: Final = 0.025  # on each side, for 95 %
STEPS: Final = 60  # halvings of [0, 1]: below a float's own resolution


class Interval(NamedTuple):
    """Rates from `low` to `high`, as fractions of one."""

    low: float
    high: float


def clopper_pearson(seen: int, of: int) -> Interval:
    """Returns the 95 % interval of a rate of which `seen` among `of` were observed; all rates where `of` is 0.

    Raises:
        ValueError: `seen` is not a count among `of`.
    """
    if not 0 <= seen <= of:
        raise ValueError(f"{seen} of {of} is not a count")
    low = 0.0 if seen == 0 else _root(lambda rate: TAIL - _sum(seen, of, of, rate))
    high = 1.0 if seen == of else _root(lambda rate: _sum(0, seen, of, rate) - TAIL)
    return Interval(low, high)


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest of `values` that at least `share` of them do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values, no percentile")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _root(falling: Callable[[float], float]) -> float:
    """Returns where a falling function of the rate crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _sum(first: int, last: int, of: int, rate: float) -> float:
    """Returns the probability of `first` to `last` successes among `of`, for a rate between 0 and 1, both excluded."""
    yes, no = math.log(rate), math.log1p(-rate)
    return math.fsum(math.exp(_log_choose(of, k) + k * yes + (of - k) * no) for k in range(first, last + 1))


def _log_choose(of: int, k: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)

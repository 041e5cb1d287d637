"""How far apart two success rates are: one difference over strata, and an interval that holds its level for few runs.

The estimate is Mantel and Haenszel's: the mean of the strata's differences, weighted by n₁n₂/(n₁+n₂). The interval
holds the differences that a score test does not reject, its variance taken at the most likely rates that differ by so
much (Miettinen and Nurminen, Statistics in Medicine 4, 1985, with the weights of Mantel and Haenszel). It needs no
stratum to be large, and has a width where all runs succeed.

By itself that test covers less than it says for few runs (measured: 88.6 % at 3 runs against 3). Hence a correction for
continuity: half of what the weighted sum moves by when one run of the smaller arm comes out otherwise, as Hauck and
Anderson have it (The American Statistician 40, 1986): ¼ where arms are equal, up to ½ where they are not. That they
meant one stratum is why several were measured: benchmarks/experiment_intervals.py, docs/results/generation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.intervals import Interval

HALVINGS: Final = 45  # of an interval of length one or two: far below what is printed
NO_SPREAD: Final = 1e-9  # at the farthest differences: there only what was seen is possible
Numbers = NDArray[np.float64]


class Arm(NamedTuple):
    """Of one variant within one stratum: runs, and those that succeeded."""

    successes: int
    runs: int


@dataclass(frozen=True, slots=True)
class Tables:
    """Counts of two arms; the last axis of each array is the strata, the others broadcast.

    Attributes:
        runs: Of either arm at least one in each stratum.
    """

    successes: Numbers
    runs: Numbers
    base_successes: Numbers
    base_runs: Numbers

    @property
    def weights(self) -> Numbers:
        """Mantel and Haenszel's."""
        return self.runs * self.base_runs / (self.runs + self.base_runs)

    @property
    def correction(self) -> float:
        """Half a step of the weighted sum of differences: the larger arm's part of all runs, halved."""
        runs, base_runs = float(np.sum(self.runs)), float(np.sum(self.base_runs))
        return max(runs, base_runs) / (2 * (runs + base_runs))

    @property
    def differences(self) -> Numbers:
        """In each stratum; the arm's rate less the base's."""
        return self.successes / self.runs - self.base_successes / self.base_runs


class Difference(NamedTuple):
    """A difference of two rates, as a fraction of one: the arm's less the base's."""

    estimate: float
    interval: Interval


def rate_difference(strata: Sequence[tuple[Arm, Arm]], tail: float) -> Difference:
    """Returns by how much the success rate is higher than the base's, pooled over strata.

    Args:
        strata: The arm's counts and the base's; each has runs in both.
        tail: The probability that is left out on either side: 0.025 for 95 %.

    Raises:
        ValueError: there is no stratum, or one without runs in an arm.
    """
    if not strata or any(arm.runs < 1 or base.runs < 1 for arm, base in strata):
        raise ValueError("a difference needs runs of both variants in each stratum")
    arms, bases = zip(*strata, strict=True)
    counts = (np.array([one[field] for one in those], dtype=np.float64) for those in (arms, bases) for field in (0, 1))
    tables = Tables(*counts)
    estimate = float(np.sum(tables.weights * tables.differences) / np.sum(tables.weights))
    quantile = NormalDist().inv_cdf(1 - tail)

    def is_rejected(difference: float) -> bool:
        return abs(float(score(tables, difference))) > quantile

    return Difference(estimate, Interval(_edge(is_rejected, -1.0, estimate), _edge(is_rejected, 1.0, estimate)))


def score(tables: Tables, difference: float) -> Numbers:
    """Returns the corrected test statistic of `difference`, approximately standard normal where it is the true one."""
    rate, base = _likeliest(tables, difference)
    runs, base_runs, weights = tables.runs, tables.base_runs, tables.weights
    total = runs + base_runs
    # A variance that is estimated at its own restriction is multiplied by N/(N−1), as Miettinen and Nurminen have it.
    variance = (rate * (1 - rate) / runs + base * (1 - base) / base_runs) * total / (total - 1)
    apart = np.sum(weights * (tables.differences - difference), axis=-1)
    spread = np.sqrt(np.sum(weights**2 * variance, axis=-1))
    corrected = np.sign(apart) * np.maximum(np.abs(apart) - tables.correction, 0.0)
    statistic: Numbers = corrected / np.maximum(spread, NO_SPREAD)
    return statistic


def _likeliest(tables: Tables, difference: float) -> tuple[Numbers, Numbers]:
    """Returns the most likely rates that are `difference` apart: there the likelihood's falling derivative is 0."""
    shape = np.broadcast_shapes(tables.successes.shape, tables.base_successes.shape, tables.runs.shape)
    low, high = np.full(shape, max(0.0, -difference)), np.full(shape, min(1.0, 1.0 - difference))
    failures, base_failures = tables.runs - tables.successes, tables.base_runs - tables.base_successes
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(HALVINGS):
            base = (low + high) / 2
            rate = base + difference
            rises = tables.successes / rate - failures / (1 - rate)
            is_below = rises + tables.base_successes / base - base_failures / (1 - base) > 0
            low, high = np.where(is_below, base, low), np.where(is_below, high, base)
    base = np.clip((low + high) / 2, 0.0, 1.0)
    return np.clip(base + difference, 0.0, 1.0), base


def _edge(is_rejected: Callable[[float], bool], outer: float, inner: float) -> float:
    """Returns where rejection begins between what is seen and the farthest difference that there is."""
    if not is_rejected(outer):
        return outer
    for _ in range(HALVINGS):
        middle = (outer + inner) / 2
        outer, inner = (middle, inner) if is_rejected(middle) else (outer, middle)
    return outer

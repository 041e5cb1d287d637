"""A variant against the first one, within strata of equal conditions, pooled.

With more than two variants there are several comparisons with the first, and each interval is made wider so that with
95 % all of them hold (Bonferroni). Rate, cost and time are three questions; an experiment should be planned for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.experiments.cohorts import Cohort
from pipeline.experiments.conditions import Conditions
from pipeline.experiments.results import Bounded, Comparison
from pipeline.experiments.trials import Trial
from pipeline.statistics.intervals import TAIL
from pipeline.statistics.pair_ratios import Values, pair_ratio
from pipeline.statistics.rate_differences import Arm, rate_difference


@dataclass(frozen=True, slots=True)
class _Stratum:
    """Runs under equal conditions, of both variants at least one."""

    arm: tuple[Trial, ...]
    base: tuple[Trial, ...]


def compared(arm: Cohort, base: Cohort, comparisons: int) -> Comparison:
    """Compares a variant with the base.

    Args:
        comparisons: How many there are with the same base, this one included.
    """
    strata, tail = _strata(arm, base), TAIL / comparisons
    runs = sum(len(one.arm) + len(one.base) for one in strata)
    return Comparison(
        variant=arm.variant.name,
        base=base.variant.name,
        level=1 - 2 * tail,
        strata=len(strata),
        runs=runs,
        alone=len(arm.counted) + len(base.counted) - runs,
        rate=_rate(strata, tail),
        cost=_ratio([Values(_costs(one.arm), _costs(one.base)) for one in strata], tail),
        time=_ratio([Values(_times(one.arm), _times(one.base)) for one in strata], tail),
    )


def _strata(arm: Cohort, base: Cohort) -> tuple[_Stratum, ...]:
    arms, bases = _by_conditions(arm.counted), _by_conditions(base.counted)
    return tuple(_Stratum(arms[one], bases[one]) for one in arms if one in bases)


def _by_conditions(trials: Sequence[Trial]) -> Mapping[Conditions, tuple[Trial, ...]]:
    found: dict[Conditions, tuple[Trial, ...]] = {}
    for one in trials:
        found[one.conditions] = (*found.get(one.conditions, ()), one)
    return found


def _rate(strata: Sequence[_Stratum], tail: float) -> Bounded | None:
    if not strata:
        return None
    difference = rate_difference([(_counted(one.arm), _counted(one.base)) for one in strata], tail)
    return Bounded(estimate=difference.estimate, low=difference.interval.low, high=difference.interval.high)


def _counted(trials: Sequence[Trial]) -> Arm:
    return Arm(successes=sum(one.stands is not None for one in trials), runs=len(trials))


def _ratio(strata: Sequence[Values], tail: float) -> Bounded | None:
    ratio = pair_ratio(strata, tail)
    return None if ratio is None else Bounded(estimate=ratio.estimate, low=ratio.low, high=ratio.high)


def _costs(trials: Sequence[Trial]) -> tuple[float, ...]:
    return tuple(float(one.used.usd) for one in trials if one.used.usd is not None)


def _times(trials: Sequence[Trial]) -> tuple[float, ...]:
    return tuple(one.used.wall_s for one in trials)

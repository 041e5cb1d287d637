"""Which runs of a variant are looked at: the first of the planned number, by when they were begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pipeline.experiments.results import Bounded, LeftOut, Money, VariantResult
from pipeline.experiments.trials import Trial, Unfinished
from pipeline.generation.assignment import Definition, VariantDefinition
from pipeline.statistics.intervals import clopper_pearson, percentile


@dataclass(frozen=True, slots=True)
class Cohort:
    """A variant's runs, in the order in which they were begun.

    Attributes:
        counted: The first that decided something, at most as many as planned.
        beyond: Those after them that did, too.
        left_out: Neither success nor failure.
    """

    variant: VariantDefinition
    counted: tuple[Trial, ...]
    beyond: int
    left_out: tuple[Trial, ...]
    unfinished: tuple[Unfinished, ...]

    @property
    def waits_for(self) -> int:
        """Runs without an end that were begun before the last one that is counted: they may take a place of its."""
        last = max((one.assignment.run for one in self.counted), default="")
        return sum(one.assignment.run < last for one in self.unfinished)


def cohorts_of(
    definition: Definition, finished: Sequence[Trial], unfinished: Sequence[Unfinished]
) -> tuple[Cohort, ...]:
    """Returns a cohort for each variant of an experiment, in the definition's order."""

    def cohort(variant: VariantDefinition) -> Cohort:
        mine = [one for one in finished if one.assignment.variant == variant.name]
        decided = [one for one in mine if one.left_out is None]
        planned = definition.runs_per_variant
        return Cohort(
            variant,
            tuple(decided[:planned]),
            len(decided[planned:]),
            tuple(one for one in mine if one.left_out is not None),
            tuple(one for one in unfinished if one.assignment.variant == variant.name),
        )

    return tuple(cohort(variant) for variant in definition.variants)


def result_of(cohort: Cohort) -> VariantResult:
    """Returns what is shown of a variant."""
    trials = cohort.counted
    first = [one.stands for one in trials if one.stands is not None]
    interval = clopper_pearson(len(first), len(trials))
    rate = Bounded(estimate=len(first) / len(trials), low=interval.low, high=interval.high) if trials else None
    tokens, seconds = [one.used.tokens for one in trials], [one.used.wall_s for one in trials]
    reasons = Counter(one.left_out for one in cohort.left_out if one.left_out is not None)
    return VariantResult(
        name=cohort.variant.name,
        weight=cohort.variant.weight,
        prompts=cohort.variant.prompts,
        runs=len(trials),
        successes=len(first),
        rate=rate,
        beyond_plan=cohort.beyond,
        unfinished=len(cohort.unfinished),
        left_out=tuple(LeftOut(reason=reason, runs=runs) for reason, runs in sorted(reasons.items())),
        money=_money(trials),
        tokens=int(percentile(tokens, 0.5)) if tokens else None,
        wall_s=percentile(seconds, 0.5) if seconds else None,
        wall_p95_s=percentile(seconds, 0.95) if seconds else None,
        first_stands=int(percentile(first, 0.5)) if first else None,
    )


def _money(trials: Sequence[Trial]) -> Money:
    known = [(one.used.usd, one.stands is not None) for one in trials if one.used.usd is not None]
    unknown = len(trials) - len(known)
    if not known:
        return Money(unknown=unknown, mean=None, median=None, per_success=None)
    costs = sorted(usd for usd, _ in known)
    total, successes = sum(costs, Decimal(0)), sum(stands for _, stands in known)
    return Money(
        unknown=unknown,
        mean=total / len(costs),
        median=costs[(len(costs) - 1) // 2],
        per_success=total / successes if successes else None,
    )

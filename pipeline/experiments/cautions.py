"""What a reader of an experiment has to know besides its numbers, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.experiments.cohorts import Cohort
from pipeline.experiments.conditions import differing
from pipeline.experiments.results import Comparison, VariantResult

MUCH_LEFT_OUT: Final = 0.1  # of a variant's runs; from there on chance is no longer the likely reason


def cautions_of(
    planned: int, cohorts: Sequence[Cohort], variants: Sequence[VariantResult], comparisons: Sequence[Comparison]
) -> Iterator[str]:
    """Yields a line for each.

    Args:
        planned: Runs of each variant.
    """
    for one in variants:
        if one.runs < planned:
            yield f"{one.name}: planned {planned}, has {one.runs}: not to be read yet"
    for cohort in cohorts:
        if cohort.waits_for:
            yield (
                f"{cohort.variant.name}: runs without an end that were begun before the last that is counted: "
                f"{cohort.waits_for}; where they get one, they take the place of later ones"
            )
    yield from _of_what_is_left_out(variants)
    yield from _of_conditions(cohorts, comparisons)


def _of_what_is_left_out(variants: Sequence[VariantResult]) -> Iterator[str]:
    for one in variants:
        ended = one.runs + one.beyond_plan + one.left_out_runs
        if one.left_out_runs:
            reasons = ", ".join(f"{each.reason} {each.runs}" for each in one.left_out)
            much = "; so many that the others may not be typical" if one.left_out_runs > MUCH_LEFT_OUT * ended else ""
            yield f"{one.name}: neither success nor failure, hence left out: {reasons}{much}"
        if one.money.unknown:
            yield f"{one.name}: runs whose cost is unknown, and left out of the sums: {one.money.unknown}"


def _of_conditions(cohorts: Sequence[Cohort], comparisons: Sequence[Comparison]) -> Iterator[str]:
    conditions = {one.conditions for cohort in cohorts for one in cohort.counted}
    names = differing(conditions)
    if names:
        yield (
            f"runs differ in {', '.join(names)}: {len(conditions)} conditions; each run is compared with those under "
            "its own"
        )
    for one in comparisons:
        if one.alone:
            yield (
                f"{one.variant} against {one.base}: runs without any to be compared with under the same conditions: "
                f"{one.alone}"
            )
    if any(len(one.beside) > 1 for one in conditions):
        yield "runs for several operators at once share a budget, so they are not independent of each other"

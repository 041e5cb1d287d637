"""What is shown of experiments: `kernelgate experiments --format json`, and the table is made of it.

Rates, and differences of them, are fractions of one; money is US dollars as decimal text; None is what nobody knows.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from pipeline.generation.exchange import Count, Stored

VERSION: Final = 1


class Bounded(Stored):
    """An estimate with its two-sided interval; None where there are too few runs for an end."""

    estimate: float
    low: float | None
    high: float | None


class Money(Stored):
    """What runs cost, in US dollars, without those whose cost nobody knows.

    Attributes:
        unknown: Runs whose cost nobody knows.
        per_success: What all runs cost for each success, failures included; None without a success.
    """

    unknown: Count
    mean: Decimal | None
    median: Decimal | None
    per_success: Decimal | None


class LeftOut(Stored):
    """Runs that are neither success nor failure, by why they ended."""

    reason: str
    runs: Count


class VariantResult(Stored):
    """What a variant's runs came to.

    Attributes:
        weight: Its part in the drawing.
        prompts: SHA-256 of all its templates.
        runs: Those that are looked at; `successes` of these.
        rate: With an interval of 95 %; None without runs.
        beyond_plan: Runs that are not looked at, since the planned number was reached before them.
        unfinished: Runs that were begun and have not come to an end.
        tokens: Median over runs; None without runs. `wall_s`, `wall_p95_s` (seconds) likewise.
        first_stands: The median number of the first attempt that stands, over successes.
    """

    name: str
    weight: int
    prompts: str
    runs: Count
    successes: Count
    rate: Bounded | None
    beyond_plan: Count
    unfinished: Count
    left_out: tuple[LeftOut, ...]
    money: Money
    tokens: int | None
    wall_s: float | None
    wall_p95_s: float | None
    first_stands: int | None

    @property
    def left_out_runs(self) -> int:
        """How many runs are neither success nor failure."""
        return sum(one.runs for one in self.left_out)


class Comparison(Stored):
    """A variant against the first one, within strata of equal conditions.

    Attributes:
        level: Of each interval; above 0.95 where several variants are compared with the first, so that with 95 % all of
            them hold.
        strata: Conditions under which both have runs, and whose `runs` are compared.
        alone: Runs under conditions under which only one has any.
        rate: By how much its success rate is higher. None where no stratum has both.
        cost: The typical ratio of what a run costs; None where something costs nothing, or nobody knows.
        time: The same for how long it takes.
    """

    variant: str
    base: str
    level: float
    strata: Count
    runs: Count
    alone: Count
    rate: Bounded | None
    cost: Bounded | None
    time: Bounded | None


class ExperimentResult(Stored):
    """One experiment.

    Attributes:
        digest: Of its definition; one name can have several.
        is_readable: Whether each variant has the planned number of runs; if not, nothing is compared.
        cautions: What a reader has to know besides.
    """

    name: str
    digest: str
    runs_per_variant: int
    is_readable: bool
    variants: tuple[VariantResult, ...]
    comparisons: tuple[Comparison, ...]
    cautions: tuple[str, ...]


class ExperimentsDocument(Stored):
    """All of them, by name."""

    schema_version: Literal[1] = VERSION
    experiments: tuple[ExperimentResult, ...]

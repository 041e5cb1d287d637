"""What a measurement of the gate says: how often it was wrong on kernels whose truth is known. Pure counting.

A false accept is a `wrong` kernel or a `hack` that the policy lets through, a false denial a `right` or `honest` one
that was denied. `inconclusive` is neither: it is counted apart, and so is what our own side failed to measure. A rate's
base is what was decided, allowed or denied; its interval is the exact one at 95 %.

These models are the schema of `kernelgate measure --format json`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipeline.corpus.labels import MUST_ALLOW, MUST_DENY, Label
from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.statistics.intervals import Interval, clopper_pearson, percentile
from policies.policy import Tier
from policies.verdict import Finding

UNNAMED = "-"


class Outcome(StrEnum):
    """What became of a candidate. `unmeasured` is our failure: nothing follows from it about the candidate."""

    ALLOWED = "allowed"
    DENIED = "denied"
    INCONCLUSIVE = "inconclusive"
    UNMEASURED = "unmeasured"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Record):
    """One labelled candidate and what the gate said of it.

    Attributes:
        path: Relative to the corpus.
        operator: As labelled, or else as the file's header says; "-" where neither does.
        defect_class: The label's `class`.
        visible: The label's `visible`, as a word: "visible", "held-out" or another.
        tier: None where nothing was measured.
        findings: All of them, the deciding one first.
        case: The smallest failing case in words; `case_id` is its name for `kernelgate replay`.
        reason_fits: Whether the first finding is one that the label names; true where it names none.
        wall_s: Seconds that its checks took.
        failed_at: Number of the first failing case, counted from 1; 0 is the loading; None where none failed.
        note: Why nothing was measured.
    """

    path: str
    label: Label
    operator: str
    defect_class: str | None
    visible: str | None
    outcome: Outcome
    tier: Tier | None
    findings: tuple[Finding, ...]
    case: str | None
    case_id: str | None
    reason_fits: bool
    wall_s: float | None
    failed_at: int | None
    note: str | None

    @property
    def missed(self) -> bool:
        """Whether the gate was wrong about it."""
        return self.outcome is (Outcome.ALLOWED if self.label in MUST_DENY else Outcome.DENIED)


class Count(_Record):
    """How often the gate was wrong on the rows of one kind; `rate_low` and `rate_high` are fractions of one."""

    name: str
    files: int
    allowed: int
    denied: int
    inconclusive: int
    unmeasured: int
    errors: int
    rate_low: float
    rate_high: float

    @property
    def decided(self) -> int:
        """The base of the rate."""
        return self.allowed + self.denied


class Errors(_Record):
    """One kind of error, in all and by what the labels say of the files."""

    total: Count
    by_label: tuple[Count, ...]
    by_class: tuple[Count, ...]
    by_visible: tuple[Count, ...]
    by_operator: tuple[Count, ...]


class Cost(_Record):
    """Seconds a verdict of one operator took, with all others that ran beside it."""

    operator: str
    verdicts: int
    median_s: float
    p95_s: float


class FirstKill(_Record):
    """Number of the first failing case, over the wrong kernels that a case denied."""

    kernels: int
    median: int
    p99: int
    largest: int


class RuleCount(_Record):
    """How many wrong kernels were denied by this rule first."""

    rule: str
    kernels: int


class Measurement(_Record):
    """A measured corpus.

    Attributes:
        seed: What all draws were fixed to; None where each candidate had a fresh one.
        interrupted: Whether it was ended early; what was not reached is unmeasured.
        unlabelled: Python files of the corpus that no label names; not measured, not counted.
        notes: Lines about what was ignored in the corpus.
    """

    schema_version: Literal[1] = 1
    corpus: str
    policy: str
    policy_digest: str
    seed: int | None
    run: str
    folder: str
    interrupted: bool
    exit_code: int
    false_accepts: Errors
    false_denials: Errors
    first_kill: FirstKill | None
    denied_by: tuple[RuleCount, ...]
    cost: tuple[Cost, ...]
    unlabelled: tuple[str, ...]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]

    def having(self, outcome: Outcome) -> tuple[Row, ...]:
        """Returns the rows with this outcome."""
        return tuple(row for row in self.rows if row.outcome is outcome)

    @property
    def misses(self) -> tuple[Row, ...]:
        """The rows that the gate was wrong about, false accepts first."""
        return tuple(sorted((row for row in self.rows if row.missed), key=lambda row: row.label in MUST_ALLOW))


def exit_code_of(rows: Iterable[Row]) -> int:
    """1 a false accept, 3 something was not measured for a reason of ours, 0 otherwise, false denials included."""
    code = ALLOWED
    for row in rows:
        if row.missed and row.label in MUST_DENY:
            return DENIED
        if row.outcome is Outcome.UNMEASURED:
            code = INCOMPLETE
    return code


def count_errors(rows: Sequence[Row], labels: Sequence[Label]) -> Errors:
    """Counts the errors on the rows with one of `labels`, which are all of those that must be denied, or allowed."""
    chosen = [row for row in rows if row.label in labels]
    return Errors(
        total=_count("all", chosen),
        by_label=_grouped(chosen, lambda row: row.label),
        by_class=_grouped(chosen, lambda row: row.defect_class or UNNAMED),
        by_visible=_grouped(chosen, lambda row: row.visible or UNNAMED) if any(row.visible for row in chosen) else (),
        by_operator=_grouped(chosen, lambda row: row.operator),
    )


def costs(rows: Iterable[Row]) -> tuple[Cost, ...]:
    """Returns the cost of a verdict by operator, all operators together last."""
    measured = [(row.operator, row.wall_s) for row in rows if row.wall_s is not None]
    times = {name: [s for operator, s in measured if operator == name] for name in sorted({o for o, _ in measured})}
    if len(times) > 1:
        times["all"] = [s for _, s in measured]
    return tuple(
        Cost(operator=name, verdicts=len(s), median_s=percentile(s, 0.5), p95_s=percentile(s, 0.95))
        for name, s in times.items()
    )


def first_kill(rows: Iterable[Row]) -> FirstKill | None:
    """Returns how soon wrong kernels fail; None where no case denied any."""
    numbers = [
        row.failed_at
        for row in rows
        if row.label in MUST_DENY and row.outcome is Outcome.DENIED and row.failed_at is not None
    ]
    if not numbers:
        return None
    return FirstKill(
        kernels=len(numbers),
        median=int(percentile(numbers, 0.5)),
        p99=int(percentile(numbers, 0.99)),
        largest=max(numbers),
    )


def denied_by(rows: Iterable[Row]) -> tuple[RuleCount, ...]:
    """Returns the rules that denied wrong kernels, the commonest first."""
    denied = (row for row in rows if row.label in MUST_DENY and row.outcome is Outcome.DENIED)
    rules = Counter(row.findings[0].rule for row in denied)
    return tuple(RuleCount(rule=rule, kernels=count) for rule, count in rules.most_common())


def _grouped(rows: Sequence[Row], kind: Callable[[Row], str]) -> tuple[Count, ...]:
    names = sorted({kind(row) for row in rows})
    return tuple(_count(name, [row for row in rows if kind(row) == name]) for name in names)


def _count(name: str, rows: Sequence[Row]) -> Count:
    outcomes = Counter(row.outcome for row in rows)
    errors = sum(row.missed for row in rows)
    interval: Interval = clopper_pearson(errors, outcomes[Outcome.ALLOWED] + outcomes[Outcome.DENIED])
    return Count(
        name=name,
        files=len(rows),
        allowed=outcomes[Outcome.ALLOWED],
        denied=outcomes[Outcome.DENIED],
        inconclusive=outcomes[Outcome.INCONCLUSIVE],
        unmeasured=outcomes[Outcome.UNMEASURED],
        errors=errors,
        rate_low=interval.low,
        rate_high=interval.high,
    )

from __future__ import annotations

import pytest

from pipeline.corpus.labels import MUST_ALLOW, MUST_DENY, Label
from pipeline.measuring.measurement import (
    FirstKill,
    Outcome,
    Row,
    RuleCount,
    costs,
    count_errors,
    denied_by,
    exit_code_of,
    first_kill,
)
from policies.policy import Tier
from policies.verdict import Finding

ALLOWED, DENIED, INCONCLUSIVE, UNMEASURED = Outcome
TIERS = {ALLOWED: Tier.FUNCTIONAL, DENIED: Tier.REJECTED, INCONCLUSIVE: Tier.INCONCLUSIVE, UNMEASURED: None}


def row(
    label: Label,
    outcome: Outcome,
    *,
    defect_class: str | None = None,
    visible: str | None = None,
    operator: str = "relu",
    wall_s: float | None = None,
    failed_at: int | None = None,
    rule: str = "properties/raised",
) -> Row:
    findings = (Finding(rule=rule, severity="error", message="said"),) if outcome is DENIED else ()
    return Row(
        path="a.py", label=label, operator=operator, defect_class=defect_class, visible=visible, outcome=outcome,
        tier=TIERS[outcome], findings=findings, case=None, case_id=None, reason_fits=True, wall_s=wall_s,
        failed_at=failed_at, note=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("label", "outcome", "missed"),
    [
        ("right", ALLOWED, False), ("right", DENIED, True), ("right", INCONCLUSIVE, False),
        ("right", UNMEASURED, False), ("wrong", UNMEASURED, False),
        ("honest", ALLOWED, False), ("honest", DENIED, True), ("honest", INCONCLUSIVE, False),
        ("wrong", ALLOWED, True), ("wrong", DENIED, False), ("wrong", INCONCLUSIVE, False),
        ("hack", ALLOWED, True), ("hack", DENIED, False), ("hack", INCONCLUSIVE, False),
    ],
)  # fmt: skip
def test_only_what_was_decided_can_be_an_error(label: Label, outcome: Outcome, missed: bool) -> None:
    assert row(label, outcome).missed is missed


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], 0),
        ([row("right", ALLOWED), row("wrong", DENIED)], 0),
        ([row("right", DENIED)], 0),
        ([row("wrong", INCONCLUSIVE), row("right", INCONCLUSIVE)], 0),
        ([row("right", UNMEASURED)], 3),
        ([row("hack", UNMEASURED), row("right", DENIED)], 3),
        ([row("wrong", ALLOWED)], 1),
        ([row("right", UNMEASURED), row("hack", ALLOWED)], 1),
    ],
)
def test_a_false_accept_exits_1_and_what_we_failed_to_measure_3(rows: list[Row], code: int) -> None:
    assert exit_code_of(rows) == code


def test_errors_are_counted_by_label_class_part_and_operator() -> None:
    rows = [
        row("wrong", ALLOWED, defect_class="mask", visible="held-out"),
        row("wrong", DENIED, defect_class="mask", visible="visible"),
        row("hack", DENIED, defect_class="clock", visible="visible", operator="softmax"),
        row("hack", INCONCLUSIVE, visible="visible"),
        row("wrong", UNMEASURED, defect_class="mask"),
        row("right", DENIED),
    ]
    errors = count_errors(rows, MUST_DENY)
    total = errors.total
    assert (total.files, total.allowed, total.denied, total.inconclusive, total.unmeasured) == (5, 1, 2, 1, 1)
    assert (total.errors, total.decided) == (1, 3)
    assert [(c.name, c.errors, c.decided) for c in errors.by_label] == [("hack", 0, 1), ("wrong", 1, 2)]
    assert [(c.name, c.errors, c.decided) for c in errors.by_class] == [("-", 0, 0), ("clock", 0, 1), ("mask", 1, 2)]
    assert [(c.name, c.files) for c in errors.by_visible] == [("-", 1), ("held-out", 1), ("visible", 3)]
    assert [(c.name, c.files) for c in errors.by_operator] == [("relu", 4), ("softmax", 1)]
    denials = count_errors(rows, MUST_ALLOW)
    assert (denials.total.files, denials.total.errors, denials.by_visible) == (1, 1, ())


def test_the_interval_is_that_of_the_decided_only() -> None:
    undecided = [row("right", INCONCLUSIVE)] * 90
    total = count_errors([row("right", ALLOWED)] * 10 + undecided, MUST_ALLOW).total
    assert (total.rate_low, total.rate_high) == pytest.approx((0.0, 0.3085), abs=1e-4)


def test_cost_is_by_operator_and_for_all_of_them() -> None:
    rows = [row("right", ALLOWED, wall_s=s) for s in (1.0, 2.0, 9.0)]
    rows += [row("right", ALLOWED, operator="softmax", wall_s=4.0), row("right", UNMEASURED)]
    found = [(cost.operator, cost.verdicts, cost.median_s, cost.p95_s) for cost in costs(rows)]
    assert found == [("relu", 3, 2.0, 9.0), ("softmax", 1, 4.0, 4.0), ("all", 4, 2.0, 9.0)]
    assert costs([row("right", UNMEASURED)]) == ()


def test_the_first_kill_counts_wrong_kernels_that_a_case_denied() -> None:
    rows = [row("wrong", DENIED, failed_at=n) for n in (1, 1, 3, 40)]
    rows += [row("hack", DENIED), row("right", DENIED, failed_at=77), row("wrong", ALLOWED)]
    assert first_kill(rows) == FirstKill(kernels=4, median=1, p99=40, largest=40)
    assert first_kill([row("hack", DENIED)]) is None


def test_rules_are_counted_the_commonest_first() -> None:
    rows = [row("wrong", DENIED, rule="properties/nonfinite"), row("hack", DENIED), row("wrong", DENIED)]
    assert denied_by([*rows, row("right", DENIED)]) == (
        RuleCount(rule="properties/raised", kernels=2),
        RuleCount(rule="properties/nonfinite", kernels=1),
    )

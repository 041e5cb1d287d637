"""What a policy makes of a candidate's mutants: missing evidence at most, and only where it asks for some."""

from __future__ import annotations

import pytest

from policies.mutant_findings import findings_of
from policies.policy import MutantsRules, load_policy
from runners.evidence import Missing, MutantsEvidence, SurvivingMutant


def evidence(killed: int, alive: int, **more: object) -> MutantsEvidence:
    survivors = tuple(SurvivingMutant(id=f"{n}:1-2 x", line=n, diff="-a\n+b") for n in range(1, alive + 1))
    given = {
        "seed": 1, "possible": 50, "denied": 0, "inconclusive": 0, "killed": killed, "killed_by": {}, "first_kills": (),
        "survivors": survivors, "deadline_spent": False, "wall_s": 1.0,
    }  # fmt: skip
    return MutantsEvidence.model_validate(given | more)


def rules(count: int = 10, rate: float | None = 0.8) -> MutantsRules:
    return MutantsRules(count=count, required_kill_rate=rate, total_deadline_s=60)


@pytest.mark.parametrize(
    ("mutants", "asked", "found"),
    [
        (evidence(10, 0), rules(), []),
        (evidence(8, 2), rules(), []),
        (evidence(7, 3), rules(), ["mutants/weak-test"]),
        (evidence(7, 3), rules(rate=None), []),
        (evidence(0, 10), rules(count=0), []),
        (evidence(0, 0, inconclusive=10), rules(), ["evidence/mutants-missing"]),
        (evidence(5, 0, deadline_spent=True), rules(), ["evidence/mutants-missing"]),
        (Missing(reason="no runner", ours=True), rules(), ["evidence/mutants-missing"]),
        (Missing(reason="not asked", ours=False), rules(count=0), []),
    ],
)
def test_a_weak_test_is_missing_evidence_where_the_policy_asks(mutants, asked, found) -> None:
    findings = list(findings_of(mutants, asked))
    assert [finding.rule for finding in findings] == found
    assert all(finding.severity == "incomplete" for finding in findings)


def test_the_finding_says_the_rate_and_where_the_survivors_are() -> None:
    finding = next(findings_of(evidence(7, 3), rules()))
    assert finding.message == "7 of 10 mutants were killed (70%), 80% are required; survivors change lines 1, 2, 3"
    assert finding.line == 1


def test_only_production_asks_for_mutants() -> None:
    assert [load_policy(name).mutants.count > 0 for name in ("dev", "ci", "production")] == [False, False, True]
    assert load_policy("production").mutants.required_kill_rate is not None

"""What waivers do to a verdict: whether a candidate is let through, and never its tier."""

from __future__ import annotations

from datetime import timedelta

import pytest
from report_runs import DAY, SOURCE, entry, facts, waiver, wrong
from scripted_flow import small_policy

from policies.decide import decide
from policies.policy import Tier, load_policy
from policies.verdict import Verdict
from policies.waivers import DatedWaivers
from policies.waiving import uses_of
from runners.candidate import source_digest

WRONG = "properties/wrong-values"
LATE = waiver(WRONG, expires=DAY - timedelta(days=1))
PRODUCTION = small_policy().model_copy(update={"allows": load_policy("production").allows})


def severities(verdict: Verdict) -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity) for finding in verdict.findings]


def test_a_waived_error_lets_the_candidate_through_and_keeps_its_tier() -> None:
    verdict = entry(failure=wrong(), waivers=(waiver(WRONG),)).verdict
    assert (verdict.tier, verdict.allowed, verdict.is_waived) == (Tier.REJECTED, True, True)
    assert severities(verdict) == [(WRONG, "waived")]
    assert verdict.findings[0].waiver == waiver(WRONG)


def test_an_expired_one_denies_and_says_when_it_expired() -> None:
    verdict = entry(failure=wrong(), waivers=(LATE,)).verdict
    assert not verdict.allowed
    assert severities(verdict) == [(WRONG, "error"), ("waiver/expired", "error")]
    assert "expired on 2026-11-29; its reason was: known since May" in verdict.findings[1].message


def test_each_error_needs_a_waiver_of_its_own_and_what_stops_it_comes_first() -> None:
    denied = facts(("source/host-arithmetic", 5), ("source/no-launch", 4), ("source/host-arithmetic", 6))
    one = entry(denied=denied, waivers=(waiver("source/host-arithmetic"),)).verdict
    assert not one.allowed
    assert severities(one) == [("source/no-launch", "error"), *[("source/host-arithmetic", "waived")] * 2]
    both = (waiver("source/host-arithmetic"), waiver("source/no-launch"))
    assert entry(denied=denied, waivers=both).verdict.allowed


def test_another_byte_in_the_file_is_another_candidate() -> None:
    other = waiver(WRONG, source=SOURCE + b"\n")
    verdict = entry(failure=wrong(), waivers=(other,)).verdict
    assert not verdict.allowed
    assert verdict.waivers is None


def test_a_waived_error_does_not_stand_in_for_evidence() -> None:
    given = entry(failure=wrong()).evidence.model_copy(update={"isolation": None})
    verdict = decide(given, small_policy(), waivers=DatedWaivers(day=DAY, waivers=(waiver(WRONG),)))
    assert not verdict.allowed
    assert severities(verdict) == [("evidence/isolation-missing", "incomplete"), (WRONG, "waived")]


def test_waivers_have_no_force_where_only_production_safe_is_let_through() -> None:
    verdict = entry(failure=wrong(), waivers=(waiver(WRONG),), policy=PRODUCTION).verdict
    assert not verdict.allowed
    assert severities(verdict) == [(WRONG, "error")]


@pytest.mark.parametrize("expires", [DAY, DAY - timedelta(days=1)])
def test_a_waiver_of_what_is_not_there_changes_nothing(expires: object) -> None:
    idle = waiver(WRONG).model_copy(update={"expires": expires})
    verdict = entry(waivers=(idle,)).verdict
    assert (verdict.tier, verdict.allowed, verdict.is_waived, verdict.findings) == (Tier.FUNCTIONAL, True, False, ())


def test_a_stored_verdict_is_computed_again_from_what_is_stored_on_any_day() -> None:
    judged = entry(failure=wrong(), waivers=(LATE,))
    stored = Verdict.model_validate_json(judged.verdict.model_dump_json())
    assert decide(judged.evidence, small_policy(), waivers=stored.waivers) == stored


def test_a_verdict_of_an_earlier_version_is_still_read() -> None:
    old = entry(failure=wrong()).verdict.model_dump(mode="json", exclude={"waivers": True})
    for finding in old["findings"]:
        del finding["waiver"]
    assert Verdict.model_validate(old, strict=False).waivers is None


def test_each_waiver_is_in_force_expired_idle_or_about_another_candidate() -> None:
    applied, idle = waiver(WRONG), waiver("races/double-store")
    absent = waiver(WRONG, source=b"other")
    expired = waiver("source/no-launch", source=b"x = 1\n", expires=DAY - timedelta(days=1))
    dated = DatedWaivers(day=DAY, waivers=(applied, idle, absent, expired))
    judged = [
        entry(failure=wrong(), waivers=(applied, idle)),
        entry(source=b"x = 1\n", denied=facts(("source/no-launch", 1)), waivers=(expired,)),
    ]
    uses = uses_of(dated, [(source_digest(one.source), one.verdict) for one in judged])
    assert (uses.applied, uses.idle, uses.absent, uses.expired) == ((applied,), (idle,), (absent,), (expired,))

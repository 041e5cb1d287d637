"""Which evidence is kept, and which of what was kept is measured again."""

from __future__ import annotations

import pytest
from gpu_evidence import device, watched

from pipeline.gate.kept import lacks_only_the_gpu, our_failure, why_again
from runners.evidence import CandidateFacts, Evidence, Missing, OriginEvidence, PropertiesEvidence
from runners.origin.evidence import NoLicence

NOT_ASKED = Missing(reason="nobody asked", ours=False)
OURS = Missing(reason="the engine is gone", ours=True)
PROPERTIES = PropertiesEvidence(
    seed=1, offered=("float32",), dtypes=("float32",), pairwise_cases=1, random_cases=0, targeted_cases=0, failure=None,
    failed_at=None, reductions=0, unsupported=None, unsupported_cases=0, slow_cases=0, worst_ratio={},
    deadline_spent=False, runners=1, wall_s=1.0,
)  # fmt: skip
WHOLE = Evidence(
    candidate=CandidateFacts(digest="d", path="p", source_bytes=1, operator="relu", entry="relu"),
    operator_digest="o", source=(), properties=PROPERTIES, compile=NOT_ASKED, mutants=NOT_ASKED, strength=NOT_ASKED,
    device=device(), environment=None, isolation=None,
)  # fmt: skip
CHECKS = ("properties", "compile", "mutants", "device")


def changed(**checks: object) -> Evidence:
    return WHOLE.model_copy(update=checks)


def test_a_comparison_that_our_side_failed_to_make_is_not_kept() -> None:
    failed = OriginEvidence(licence=NoLicence(), comparison=OURS)
    assert our_failure(changed(origin=failed)) == "the engine is gone"
    assert not lacks_only_the_gpu(changed(origin=failed))
    assert our_failure(changed(origin=failed.model_copy(update={"comparison": NOT_ASKED}))) is None


def test_what_was_measured_is_kept_and_stands() -> None:
    assert our_failure(WHOLE) is None
    assert why_again(WHOLE) is None


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_that_our_side_failed_to_make_is_not_kept(check: str) -> None:
    assert our_failure(changed(**{check: OURS})) == "the engine is gone"
    assert "the engine is gone" in str(why_again(changed(**{check: OURS})))  # kept by an earlier version


def test_a_tool_on_the_gpu_that_could_not_be_had_is_our_failure_alone() -> None:
    def with_tool(**what: object) -> Evidence:
        return changed(device=device(sanitizers=(watched("memcheck"), watched("synccheck", plans=0, **what))))

    lacking = with_tool(problem="there is none", ours=True)
    assert our_failure(lacking) == "synccheck: there is none"
    assert lacks_only_the_gpu(lacking)
    assert our_failure(with_tool(problem="the plan was not carried out")) is None


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_that_is_missing_for_the_candidates_own_reasons_is_kept(check: str) -> None:
    assert our_failure(changed(**{check: NOT_ASKED})) is None


def test_only_where_nothing_else_failed_are_the_checks_on_the_gpu_made_alone() -> None:
    assert lacks_only_the_gpu(changed(device=OURS))
    assert not lacks_only_the_gpu(WHOLE)
    assert not any(lacks_only_the_gpu(changed(device=OURS, **{check: OURS})) for check in CHECKS[:-1])


def test_what_ran_out_of_time_is_measured_again() -> None:
    short = PROPERTIES.model_copy(update={"deadline_spent": True})
    assert "ran out of time" in str(why_again(changed(properties=short)))
    assert "ran out of time" in str(why_again(changed(device=device(deadline_spent=True))))

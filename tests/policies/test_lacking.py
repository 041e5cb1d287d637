"""Evidence that was made under another policy: what it does not show counts as missing, never as done."""

from __future__ import annotations

import pytest
from changed_policies import WEAKER, changed
from whole_evidence import compiled, evidence, failed, mutated, properties

from policies.decide import decide
from policies.directions import DIRECTIONS
from policies.policy import Policy, Tier, load_policy

DEV, CI, PRODUCTION = (load_policy(name) for name in ("dev", "ci", "production"))
ASKED = [key for key, direction in DIRECTIONS.items() if not direction.shown]


def lacks(policy: Policy, made_under: Policy, **changes: object) -> list[str]:
    found = decide(evidence(**changes), policy, made_under).findings
    return [finding.message.split("'")[1] for finding in found if finding.rule == "evidence/other-policy"]


def test_whole_evidence_is_enough_for_the_policy_that_it_was_made_under() -> None:
    assert decide(evidence(), PRODUCTION, PRODUCTION) == decide(evidence(), PRODUCTION)
    assert decide(evidence(), PRODUCTION).tier is Tier.PRODUCTION_SAFE


@pytest.mark.parametrize("key", [key for key in ASKED if key in WEAKER])
def test_what_evidence_does_not_show_is_missing_where_less_was_asked_for(key: str) -> None:
    less = changed(PRODUCTION, key, WEAKER[key])
    # Nothing in the evidence that could show that it is enough all the same.
    silent = {"properties": properties(slowest_s=0.0), "mutants": mutated(killed=1)}
    verdict = decide(evidence(**silent), PRODUCTION, less)
    assert verdict.tier is Tier.INCONCLUSIVE
    assert lacks(PRODUCTION, less, **silent) == [key]
    assert key not in lacks(less, PRODUCTION, **silent)


@pytest.mark.parametrize("policy", [CI, PRODUCTION], ids=["ci", "production"])
def test_evidence_of_a_weaker_policy_passes_no_stricter_one(policy: Policy) -> None:
    assert decide(evidence(), policy, DEV).tier is Tier.INCONCLUSIVE


def test_evidence_of_a_stricter_policy_passes_a_weaker_one() -> None:
    quick = changed(DEV, "properties.case_deadline_s", 60.0)
    assert decide(evidence(), quick, PRODUCTION).findings == ()


ENOUGH = {
    "properties.special_cases": {"properties": properties(special_cases=64)},
    "properties.block_cases": {"properties": properties(block_cases=128)},
    "properties.huge_cases": {"properties": properties(huge_cases=16)},
    "properties.case_deadline_s": {"properties": properties(slowest_s=2.0)},
    "compile.specialisations": {"compile": compiled(front_end=0)},
    "mutants.count": {"mutants": mutated(killed=18, inconclusive=2)},
}


@pytest.mark.parametrize("key", ENOUGH)
def test_a_number_in_the_evidence_can_show_that_it_is_enough(key: str) -> None:
    assert lacks(PRODUCTION, changed(PRODUCTION, key, WEAKER[key]), **ENOUGH[key]) == []


def test_a_failure_stands_under_every_policy() -> None:
    assert [decide(failed(), policy, DEV).tier for policy in (DEV, CI, PRODUCTION)] == [Tier.REJECTED] * 3


def test_a_target_that_was_only_tried_is_not_one_that_it_compiles_for() -> None:
    target = compiled().targets[0].model_copy(update={"target": "gfx942", "required": False})
    made = compiled(targets=(*compiled().targets, target))
    asking = changed(CI, "compile.required_targets", (*CI.compile.required_targets, "gfx942"))
    (finding,) = decide(evidence(compile=made), asking, CI).findings
    assert (finding.rule, "gfx942" in finding.message) == ("evidence/compile-missing", True)

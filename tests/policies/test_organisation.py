"""Rules of an organisation in CEL: they let through only what is exactly true, and widen nothing."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest
from gpu_evidence import device
from pydantic import ValidationError
from whole_evidence import evidence, failed, properties

from policies.decide import decide
from policies.errors import PolicyError
from policies.fact_types import wrong_in
from policies.organisation_rules import CelMissing, OrganisationRule, compiled
from policies.policy import Policy, Tier, load_policy
from policies.verdict import Finding, Verdict
from policies.waivers import DatedWaivers, Waiver
from runners.evidence import Evidence, Missing

CI, PRODUCTION = load_policy("ci"), load_policy("production")


def ruled(*expressions: str, policy: Policy = PRODUCTION) -> Policy:
    rules = tuple(
        OrganisationRule(name=f"rule-{number}", expression=expression, message="Ask the team.")
        for number, expression in enumerate(expressions, start=1)
    )
    return policy.model_copy(update={"organisation": rules})


TRUE = (
    "true",
    "candidate.operator == 'relu'",
    "verdict.tier == 'production-safe'",
    "policy.name == 'production'",
    "evidence.properties.worst_ratio.float32 < 0.75",
    "evidence.properties.failure == null",
    "evidence.isolation.runtime in ['r', 'runsc']",
    "evidence.compile.targets.all(target, target.spill_bytes == 0 && target.registers <= 128)",
    "evidence.device.benchmark.rows.exists(row, row.dtype == 'float32' && row.median_ms < 10)",
    "has(evidence.properties.worst_ratio.float32) && size(verdict.findings) == 0",
    "candidate.path.startsWith('kernels/')",
)
FALSE = ("false", "1 == 2", "candidate.operator == 'softmax'", "evidence.properties.random_cases > 100000")
NO_ANSWER = (
    "candidate.operator",  # text, though it is not empty
    "evidence.properties.random_cases",  # a number, though it is not zero
    "evidence.properties.controls",  # a list that is not empty
    "candidate",
    "evidence.properties.failure",  # null
    "evidence.properties.worst_ratio.float64 < 1.0",  # no such key
    "evidence.propertis.random_cases > 1",
    "candidate.operator < 1",  # no such comparison
    "1 / (evidence.properties.reductions) > 0",  # division by zero
    "candidate.path.matches('(')",
    "evidence.properties.controls.all(a, evidence.properties.controls.all(b, evidence.properties.controls.all(c,"
    " evidence.properties.controls.all(d, a.fired && b.fired && c.fired && d.fired))))",  # too many iterations
    "evidence.properties.random_cases && true",
)


@pytest.mark.parametrize("expression", TRUE)
def test_what_is_exactly_true_lets_through(expression: str) -> None:
    verdict = decide(evidence(), ruled(expression))
    assert (verdict.tier, verdict.allowed, verdict.findings) == (Tier.PRODUCTION_SAFE, True, ())


@pytest.mark.parametrize("expression", FALSE)
def test_what_is_false_denies_with_the_rule_and_its_message(expression: str) -> None:
    verdict = decide(evidence(), ruled(expression))
    assert (verdict.tier, verdict.allowed) == (Tier.REJECTED, False)
    assert verdict.findings == (Finding(rule="organisation/rule-1", severity="error", message="Ask the team."),)


@pytest.mark.parametrize("expression", NO_ANSWER)
def test_what_is_neither_true_nor_false_denies_without_blame(expression: str) -> None:
    verdict = decide(evidence(), ruled(expression))
    assert (verdict.tier, verdict.allowed) == (Tier.INCONCLUSIVE, False)
    (finding,) = verdict.findings
    assert (finding.rule, finding.severity) == ("organisation/rule-1", "incomplete")
    assert finding.message.startswith("Ask the team. (the rule has no answer: ")


def test_every_rule_has_to_be_true() -> None:
    verdict = decide(evidence(), ruled("true", "false", "evidence.nothing == 1"))
    assert [finding.rule for finding in verdict.findings] == ["organisation/rule-2", "organisation/rule-3"]
    assert not verdict.allowed


BAD: dict[str, Evidence] = {
    "wrong": failed(),
    "not_run": evidence(properties=Missing(reason="r", ours=True)),
    "not_isolated": evidence(isolation=None),
    "too_few": evidence(properties=properties(random_cases=1)),
    "no_gpu": evidence(device=Missing(reason="r", ours=False)),
    "capped": evidence(device=device(unrecorded="r", unrecorded_cases=1)),
}


@pytest.mark.parametrize("given", BAD.values(), ids=BAD)
def test_no_rule_lets_through_what_the_built_in_rules_deny(given: Evidence) -> None:
    rules = ruled("true", "verdict.tier == 'production-safe' || true")
    assert decide(given, rules).findings == decide(given, PRODUCTION).findings
    assert not decide(given, rules).allowed


def test_no_waiver_gets_past_a_rule_of_an_organisation() -> None:
    waiver = Waiver(
        rule="properties/wrong-values", digest=failed().candidate.digest, reason="r", expires=date(2027, 1, 1)
    )
    waivers = DatedWaivers(day=date(2026, 12, 1), waivers=(waiver,))
    assert decide(failed(), ruled("true", policy=CI), waivers=waivers).allowed
    for expression in ("false", "verdict.tier == 'functional'", "evidence.nothing"):
        verdict = decide(failed(), ruled(expression, policy=CI), waivers=waivers)
        assert (verdict.tier, verdict.allowed) == (Tier.REJECTED, False)
        assert {finding.rule for finding in verdict.findings} == {"properties/wrong-values", "organisation/rule-1"}


def test_the_digest_of_a_policy_covers_its_rules() -> None:
    assert len({policy.digest for policy in (CI, ruled("true", policy=CI), ruled("false", policy=CI))}) == 3


def test_a_verdict_with_such_a_finding_can_be_stored() -> None:
    verdict = decide(evidence(), ruled("false"))
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert verdict.findings[0].about.remedy


@pytest.mark.parametrize("rule", ["organisation/", "organisation/A", "organisation/a b", "organisation/../x"])
def test_only_a_name_makes_a_rule_of_an_organisation(rule: str) -> None:
    with pytest.raises(ValidationError):
        Finding(rule=rule, severity="error", message="")


def policy_file(folder: Path, expression: str, name: str = "spills") -> str:
    path = folder / "team.yaml"
    rule = f"- name: {name}\n  expression: {expression!r}\n  message: Ask the team.\n"
    path.write_text(f"extends: ci\nname: team\norganisation:\n{rule}")
    return str(path)


def test_a_policy_file_can_hold_rules(tmp_path: Path) -> None:
    policy = load_policy(policy_file(tmp_path, "evidence.compile.targets.all(t, t.spill_bytes == 0)"))
    assert [rule.name for rule in policy.organisation] == ["spills"]
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


WRONG_OF_FACTS = {
    "candidate.nosuch == 'x'": "there is no field 'nosuch'; there are digest, entry, operator, path, source_bytes",
    "evidence.compile.targets.all(t, t.spill_byte == 0)": "there is no field 'spill_byte'; did you mean 'spill_bytes'?",
    "evidence.propertis.random_cases > 1": "did you mean 'properties'?",
    "has(evidence.mutants.survivor)": "did you mean 'survivors'?",
    "candidate.source_bytes == 'abc'": "line 1:25: '==' never has an answer for (int, string)",
    "candidate.source_bytes": "it gives INT, not true or false",
    "candidate.operator": "it gives STRING, not true or false",
    "evidence.properties.random_cases && true": "never has an answer",
}


@pytest.mark.parametrize(("expression", "told"), WRONG_OF_FACTS.items(), ids=WRONG_OF_FACTS)
def test_a_policy_whose_rule_does_not_fit_the_facts_is_not_loaded(tmp_path: Path, expression: str, told: str) -> None:
    with pytest.raises(PolicyError, match="not a valid policy") as caught:
        load_policy(policy_file(tmp_path, expression))
    assert told in str(caught.value)


FITTING = (
    *TRUE,
    *FALSE,
    "candidate.source_bytes < 2.5",  # numbers compare across their types
    "'seed' in evidence.properties && evidence.properties['seed'] > 1",  # the facts are maps
    "size(evidence.properties) > 2 && evidence.properties != {}",
    "evidence.properties.kind == 'missing' || evidence.properties.reason == 'x'",  # one of two records
    "candidate.operator == null",
    "evidence.properties.worst_ratio.float64 == 'NaN'",
    "evidence.properties.failure.kind == 'raised' && evidence.properties.failure.line == null",
)


@pytest.mark.parametrize("expression", FITTING)
def test_what_can_have_an_answer_is_not_called_wrong(expression: str) -> None:
    compiled(expression)
    assert wrong_in(expression) == ()


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("a +", "organisation.0.expression: line 1"), ("nothing == 1", "undeclared reference to 'nothing'"),
        ("1", "it gives INT, not true or false"), ("'true'", "it gives STRING"), ("open('f') == 1", "undeclared"),
        ("(" * 200 + "true" + ")" * 200, "organisation.0.expression"), ("", "at least 1 character"),
        ("true || " * 300 + "true", "at most 2000 characters"),
    ],
)  # fmt: skip
def test_a_rule_that_can_not_be_read_is_an_error_of_the_policy(tmp_path: Path, expression: str, told: str) -> None:
    with pytest.raises(PolicyError, match="not a valid policy") as caught:
        load_policy(policy_file(tmp_path, expression))
    assert told in str(caught.value)


def test_a_rule_needs_a_name_that_can_stand_in_a_finding(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"organisation\.0\.name"):
        load_policy(policy_file(tmp_path, "true", name="No spills"))


def test_without_the_library_a_policy_with_rules_is_not_loaded_and_nothing_is_let_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    with pytest.raises(CelMissing, match=r"pip install 'kernelgate\[cel\]'"):
        load_policy(policy_file(tmp_path, "true"))
    verdict = decide(evidence(), ruled("true"))
    assert (verdict.tier, verdict.allowed) == (Tier.INCONCLUSIVE, False)
    assert load_policy("ci") == CI

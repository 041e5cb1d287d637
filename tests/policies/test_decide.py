"""The decision, rule by rule: what each piece of evidence does to tier, rule and permission under each policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

import policies.decide
import runners.candidate
import runners.source
from policies.decide import decide
from policies.policy import Policy, Tier, load_policy
from policies.rules import RULES
from policies.verdict import Finding, Verdict
from runners.cases import Case
from runners.evidence import (
    CandidateFacts,
    CodeRaised,
    Environment,
    Evidence,
    Failure,
    InputChanged,
    IsolationEvidence,
    LimitEvidence,
    Missing,
    NoLaunch,
    PropertiesEvidence,
    ResultsDiffer,
    RunnerEnded,
    SourceFact,
    UnsupportedCase,
    WrongElement,
    WrongForm,
    WrongValues,
)

CASE = Case(operator="relu", form="vector", dtype="float32", sizes={"N": 1}, scalars={}, tensors={}, seed=1)
POLICIES = {name: load_policy(name) for name in ("dev", "ci", "production")}
LIMITS = POLICIES["production"].isolation.required_limits
ELEMENT = WrongElement(index=(0, 3), got=1.0, expected=2.0, low=1.9, high=2.1)
WRONG = WrongValues(
    case=CASE, conditions="natural order", output=0, wrong=1, total=9, nonfinite=False, first=(ELEMENT,)
)


def properties(**changes: object) -> PropertiesEvidence:
    right = {
        "seed": 1, "dtypes": ("float32", "float16", "bfloat16"),
        "pairwise_cases": 120, "random_cases": 200, "failure": None, "failed_at": None, "reductions": 0,
        "unsupported": None, "unsupported_cases": 0, "slow_cases": 0, "worst_ratio": {}, "deadline_spent": False,
        "runners": 1, "wall_s": 1.0,
    }  # fmt: skip
    return PropertiesEvidence.model_validate(right | changes)


def evidence(**changes: object) -> Evidence:
    environment = Environment(hardware="cpu", python="3", torch="2", triton="3", interpreter_repaired=True)
    limits = tuple(LimitEvidence(name=name, holds=True, observed="seen") for name in LIMITS)
    right = {
        "candidate": CandidateFacts(digest="0", path="x.py", source_bytes=1, operator="relu", entry="relu"),
        "operator_digest": "1", "source": (), "properties": properties(), "environment": environment,
        "isolation": IsolationEvidence(isolation="container", engine="e", runtime="r", image="i", limits=limits),
    }  # fmt: skip
    return Evidence.model_validate(right | changes)


def failed(failure: Failure) -> Evidence:
    return evidence(properties=properties(failure=failure, failed_at=1))


def ended(how: str, case: Case | None = CASE) -> Evidence:
    return failed(RunnerEnded(case=case, how=how, detail="why"))


def formed(aspect: str) -> Evidence:
    return failed(WrongForm(case=CASE, aspect=aspect, expected="a", got="b"))


def denied(rule: str) -> Evidence:
    fact = SourceFact(rule=rule, line=3, detail="why")
    return evidence(source=(fact,), properties=Missing(reason="it was not run", ours=False), environment=None,
                    isolation=None)  # fmt: skip


def isolation(*limits: tuple[str, bool]) -> Evidence:
    seen = tuple(LimitEvidence(name=name, holds=holds, observed="") for name, holds in limits)
    return evidence(isolation=IsolationEvidence(isolation="none", engine="", runtime="", image="", limits=seen))


HELD = tuple((name, True) for name in LIMITS)
UNREPAIRED = Environment(hardware="cpu", python="3", torch="2", triton="9", interpreter_repaired=False)

SOURCE_RULES = [rule for rule in RULES if rule.startswith(("candidate/", "source/"))]
ERRORS: dict[str, tuple[Evidence, str]] = {
    **{f"fact_{rule}": (denied(rule), rule) for rule in SOURCE_RULES},
    "wrong_values": (failed(WRONG), "properties/wrong-values"),
    "nonfinite": (failed(WRONG.model_copy(update={"nonfinite": True})), "properties/nonfinite"),
    "wrong_type": (formed("type"), "properties/wrong-type"),
    "wrong_count": (formed("count"), "properties/wrong-type"),
    "wrong_dtype": (formed("dtype"), "properties/wrong-dtype"),
    "wrong_shape": (formed("shape"), "properties/wrong-shape"),
    "wrong_size": (formed("size"), "properties/wrong-shape"),
    "wrong_layout": (formed("layout"), "properties/not-contiguous"),
    "wrong_device": (formed("device"), "properties/wrong-type"),
    "raised": (failed(CodeRaised(case=CASE, error="E", message="m", line=2)), "properties/raised"),
    "raised_while_loading": (failed(CodeRaised(case=None, error="E", message="", line=None)), "properties/raised"),
    "timed_out": (ended("timed_out"), "properties/timed-out"),
    "timed_out_while_loading": (ended("timed_out", None), "properties/timed-out"),
    "out_of_memory": (ended("out_of_memory"), "properties/out-of-memory"),
    "crashed": (ended("signal"), "properties/crashed"),
    "exited": (ended("exited"), "properties/exited"),
    "protocol_broken": (ended("protocol_broken"), "properties/protocol-broken"),
    "input_changed": (failed(InputChanged(case=CASE, argument="x")), "properties/input-changed"),
    "results_differ": (failed(ResultsDiffer(case=CASE, output=0)), "properties/nondeterministic"),
    "no_launch": (failed(NoLaunch(case=CASE)), "properties/no-launch"),
}
INCOMPLETE: dict[str, tuple[Evidence, str]] = {
    "missing": (evidence(properties=Missing(reason="engine", ours=True), isolation=None),
                "evidence/properties-missing"),
    "unsupported": (evidence(properties=properties(unsupported=UnsupportedCase(case=CASE, reason="r", line=4),
                                                   unsupported_cases=2)), "evidence/unsupported"),
    "unsupported_while_loading": (
        evidence(properties=properties(unsupported=UnsupportedCase(case=None, reason="r", line=None),
                                       unsupported_cases=1, pairwise_cases=0)), "evidence/unsupported"),
    "too_few_pairwise": (evidence(properties=properties(pairwise_cases=19)), "evidence/too-few-cases"),
    "too_few_random": (evidence(properties=properties(random_cases=9)), "evidence/too-few-cases"),
    "dtype_not_tried": (evidence(properties=properties(dtypes=("float32", "float16"))), "evidence/dtype-not-tried"),
    "no_environment": (evidence(environment=None), "evidence/interpreter-unverified"),
    "unrepaired": (evidence(environment=UNREPAIRED), "evidence/interpreter-unverified"),
    "no_isolation": (evidence(isolation=None), "evidence/isolation-missing"),
}  # fmt: skip
LIMIT_NOT_PROVEN: dict[str, Evidence] = {
    "not_seen": isolation(*HELD[1:]),
    "seen_not_to_hold": isolation((LIMITS[0], False), *HELD[1:]),
    "seen_both_ways": isolation((LIMITS[0], False), *HELD),
    "nothing_seen": isolation(),
}


def rules(verdict: Verdict) -> set[str]:
    return {finding.rule for finding in verdict.findings}


@pytest.mark.parametrize(
    ("policy", "tier", "allowed"),
    [("dev", Tier.FUNCTIONAL, True), ("ci", Tier.FUNCTIONAL, True), ("production", Tier.INCONCLUSIVE, False)],
)
def test_complete_evidence_without_failure_is_functional_and_production_asks_for_a_gpu(
    policy: str, tier: Tier, allowed: bool
) -> None:
    verdict = decide(evidence(), POLICIES[policy])
    assert (verdict.tier, verdict.allowed) == (tier, allowed)
    assert rules(verdict) == (set() if allowed else {"evidence/gpu-check-missing"})
    assert len(verdict.findings) == len(POLICIES[policy].gpu_checks)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("given", "rule"), ERRORS.values(), ids=ERRORS)
def test_a_failure_rejects_under_every_policy(given: Evidence, rule: str, policy: str) -> None:
    verdict = decide(given, POLICIES[policy])
    assert (verdict.tier, verdict.allowed) == (Tier.REJECTED, False)
    assert rules(verdict) - {"evidence/gpu-check-missing"} == {rule}
    assert verdict.findings[0].severity == "error"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("given", "rule"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_missing_denies_without_blame_under_every_policy(given: Evidence, rule: str, policy: str) -> None:
    verdict = decide(given, POLICIES[policy])
    assert (verdict.tier, verdict.allowed) == (Tier.INCONCLUSIVE, False)
    assert rules(verdict) - {"evidence/gpu-check-missing"} == {rule}
    assert all(finding.severity == "incomplete" for finding in verdict.findings)


@pytest.mark.parametrize("given", LIMIT_NOT_PROVEN.values(), ids=LIMIT_NOT_PROVEN)
def test_a_limit_that_was_not_seen_to_hold_denies_where_the_policy_requires_it(given: Evidence) -> None:
    assert decide(given, POLICIES["dev"]).allowed
    verdict = decide(given, POLICIES["ci"])
    assert (verdict.tier, verdict.allowed) == (Tier.INCONCLUSIVE, False)
    assert rules(verdict) == {"evidence/limit-not-proven"}
    assert LIMITS[0] in verdict.findings[0].message


def test_fewer_cases_are_enough_for_the_policy_that_asks_for_fewer() -> None:
    given = evidence(properties=properties(pairwise_cases=20, random_cases=10))
    assert [decide(given, policy).allowed for policy in POLICIES.values()] == [True, False, False]


def test_a_failure_outweighs_what_is_missing() -> None:
    given = failed(WRONG).model_copy(update={"isolation": None})
    assert decide(given, POLICIES["ci"]).tier == Tier.REJECTED
    assert rules(decide(given, POLICIES["ci"])) == {"properties/wrong-values", "evidence/isolation-missing"}


def test_every_fact_about_the_source_is_a_finding_with_its_line() -> None:
    facts = tuple(SourceFact(rule="source/unknown-name", line=n, detail=f"d{n}") for n in (3, 9))
    given = denied("source/no-entry").model_copy(update={"source": facts})
    assert [(f.line, f.message) for f in decide(given, POLICIES["ci"]).findings] == [(3, "d3"), (9, "d9")]


def test_a_spent_deadline_is_named_as_the_reason_for_few_cases() -> None:
    given = evidence(properties=properties(random_cases=0, deadline_spent=True))
    (finding,) = decide(given, POLICIES["ci"]).findings
    assert finding.message == "120 of 100 cases were run; the total deadline was spent"


def test_wrong_values_are_told_by_count_place_and_numbers() -> None:
    (finding,) = decide(failed(WRONG), POLICIES["ci"]).findings
    assert finding.message == "1 of 9 elements wrong in natural order; first at [0, 3]: 1, expected 2"
    assert finding.case == CASE


def test_a_long_message_of_the_candidate_is_cut_to_its_first_line() -> None:
    given = failed(CodeRaised(case=None, error="E", message="\n" + "x" * 500 + "\nsecond", line=2))
    (finding,) = decide(given, POLICIES["ci"]).findings
    assert finding.message == "while loading: E: " + "x" * 200
    assert finding.line == 2


def every_evidence() -> list[Evidence]:
    return [given for given, _ in [*ERRORS.values(), *INCOMPLETE.values()]] + [*LIMIT_NOT_PROVEN.values(), evidence()]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_the_same_evidence_and_policy_give_the_same_verdict_also_after_storage(policy: Policy) -> None:
    for given in every_evidence():
        stored = Evidence.model_validate_json(given.model_dump_json())
        assert decide(given, policy) == decide(given, policy) == decide(stored, policy)
        verdict = decide(given, policy)
        assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_the_verdict_names_the_evidence_and_the_policy_that_it_follows_from() -> None:
    verdict = decide(evidence(), POLICIES["ci"])
    assert verdict.policy_digest == POLICIES["ci"].digest
    assert verdict.evidence_digest != decide(failed(WRONG), POLICIES["ci"]).evidence_digest


def test_every_rule_is_reached_by_some_evidence() -> None:
    reached = {
        rule for given in every_evidence() for policy in POLICIES.values() for rule in rules(decide(given, policy))
    }
    assert reached == set(RULES)


@pytest.mark.parametrize("module", [policies.decide, runners.candidate, runners.source], ids=lambda m: m.__name__)
def test_every_rule_that_the_code_names_exists(module: object) -> None:
    named = set(
        re.findall(r"\"((?:candidate|source|properties|evidence)/[a-z0-9-]+)\"", Path(module.__file__).read_text())
    )
    assert named
    assert named <= set(RULES)


def test_every_rule_is_named_by_the_code() -> None:
    text = "".join(Path(m.__file__).read_text() for m in (policies.decide, runners.candidate, runners.source))
    assert [rule for rule in RULES if f'"{rule}"' not in text] == []


def test_rules_tell_what_is_wrong_and_what_to_do() -> None:
    assert all(rule.title and rule.remedy.endswith(".") and not rule.title.endswith(".") for rule in RULES.values())


def test_a_finding_of_an_unknown_rule_cannot_be_made() -> None:
    with pytest.raises(ValidationError):
        Finding(rule="properties/bad-luck", severity="error", message="")


def test_rules_cannot_be_changed() -> None:
    assert isinstance(RULES, Mapping)
    change: Callable[..., None] | None = getattr(RULES, "__setitem__", None)
    assert change is None


def test_a_message_can_not_command_a_terminal() -> None:
    fact = SourceFact(rule="source/unknown-name", line=1, detail="\x1b[2K\x1b[1Afoo\r\n")
    given = denied("source/no-entry").model_copy(update={"source": (fact,)})
    (finding,) = decide(given, POLICIES["ci"]).findings
    assert finding.message == r"\x1b[2K\x1b[1Afoo\r\n"

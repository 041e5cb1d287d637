"""The decision, rule by rule: what each piece of evidence does to tier, rule and permission under each policy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from gpu_evidence import device, every_device_evidence
from origins import ASKING, EVERY
from pydantic import ValidationError

import policies.access_findings
import policies.compile_findings
import policies.decide
import policies.gpu_findings
import policies.lacking
import policies.mutant_findings
import policies.origin_findings
import policies.strength_findings
import policies.waivers
import runners.candidate
import runners.contract.rules
from policies.decide import decide
from policies.explaining import explain
from policies.policy import Policy, Tier, load_policy
from policies.rules import RULES
from policies.verdict import Finding, Verdict
from runners.cases import Case, TensorPlan
from runners.controls import CONTROLS
from runners.evidence import (
    AccessFault,
    CandidateFacts,
    CodeRaised,
    CompileEvidence,
    CompileFailure,
    ControlEvidence,
    Environment,
    Evidence,
    Failure,
    InputChanged,
    IsolationEvidence,
    LimitEvidence,
    Missing,
    MutantsEvidence,
    NoLaunch,
    PropertiesEvidence,
    ResultsDiffer,
    RunnerEnded,
    SourceFact,
    StrengthEvidence,
    SurvivingMutant,
    TargetEvidence,
    UnsupportedCase,
    WrongElement,
    WrongForm,
    WrongValues,
)
from runners.operators.model import FLOATS
from sandbox.probe_inside import CHECKS

CASE = Case(operator="relu", form="vector", dtype="float32", sizes={"N": 1}, scalars={}, tensors={}, seed=1)
POLICIES = {name: load_policy(name) for name in ("dev", "ci", "production")}
NAMING = (
    policies.decide,
    policies.access_findings,
    policies.compile_findings,
    policies.gpu_findings,
    policies.lacking,
    policies.mutant_findings,
    policies.origin_findings,
    policies.strength_findings,
    policies.waivers,
    runners.candidate,
    runners.contract.rules,
)
LIMITS = POLICIES["production"].isolation.required_limits
# A team's, whose machines all run gVisor.
LAYERED = POLICIES["ci"].model_copy(
    update={"isolation": POLICIES["ci"].isolation.model_copy(update={"required_layers": ("own kernel",)})}
)
ASKING_FOR_ORIGINS = POLICIES["ci"].model_copy(update={"origin": ASKING})
TARGETS = POLICIES["ci"].compile.required_targets
ELEMENT = WrongElement(index=(0, 3), got=1.0, expected=2.0, low=1.9, high=2.1)
WRONG = WrongValues(
    case=CASE, conditions="natural order", output=0, wrong=1, total=9, nonfinite=False, first=(ELEMENT,)
)


def properties(**changes: object) -> PropertiesEvidence:
    right = {
        "seed": 1, "offered": ("float32", "float16", "bfloat16"), "dtypes": ("float32", "float16", "bfloat16"),
        "pairwise_cases": 120, "random_cases": 200, "targeted_cases": 100,
        "failure": None, "failed_at": None, "reductions": 0,
        "unsupported": None, "unsupported_cases": 0, "slow_cases": 0, "worst_ratio": {}, "deadline_spent": False,
        "runners": 1, "wall_s": 1.0, "controls": tuple(ControlEvidence(name=name, fired=True) for name in CONTROLS),
    }  # fmt: skip
    return PropertiesEvidence.model_validate(right | changes)


def target(name: str) -> TargetEvidence:
    return TargetEvidence(target=name, required=True, compiled=2, registers=32, spill_bytes=0, shared_bytes=1024)


def compiled(*failures: CompileFailure, targets: tuple[str, ...] = TARGETS, not_on: tuple[str, ...] = (),
             ) -> CompileEvidence:  # fmt: skip
    return CompileEvidence(seen=9, front_end=7, chosen=2, targets=tuple(map(target, targets)), not_on=not_on,
                           failures=failures, containers=1, wall_s=1.0)  # fmt: skip


def uncompiled(cause: str, **changes: object) -> CompileFailure:
    base = {"kernel": "k", "specialisation": "k(x: *float32)", "target": "sm_80", "required": True, "cause": cause,
            "error": "", "message": "m", "line": 3, "passed_over": False}  # fmt: skip
    return CompileFailure.model_validate(base | changes)


def mutated(killed: int = 20, alive: int = 0) -> MutantsEvidence:
    survivors = tuple(SurvivingMutant(id=f"{n}:1-2 < to <=", line=n, diff="") for n in range(1, alive + 1))
    return MutantsEvidence(seed=1, possible=99, denied=0, inconclusive=0, killed=killed, killed_by={}, first_kills=(),
                           survivors=survivors, deadline_spent=False, wall_s=1.0)  # fmt: skip


def examined(killed: int = 200, alive: int = 0, **changes: object) -> StrengthEvidence:
    strong = {"operator": "relu", "test_digest": "2", "policy": "ci", "cases": 56, "degenerates": 9, "passed_over": (),
              "kernels": 2, "killed": killed, "alive": alive, "equivalent": 3, "torch": "2", "triton": "3",
              "checked": "2026-11-29"}  # fmt: skip
    return StrengthEvidence.model_validate(strong | changes)


def evidence(**changes: object) -> Evidence:
    environment = Environment(hardware="cpu", python="3", torch="2", triton="3", interpreter_repaired=True)
    limits = tuple(LimitEvidence(name=name, holds=True, observed="seen") for name in LIMITS)
    right = {
        "candidate": CandidateFacts(digest="0", path="x.py", source_bytes=1, operator="relu", entry="relu"),
        "operator_digest": "1", "source": (), "properties": properties(), "environment": environment,
        "compile": compiled(), "mutants": mutated(), "strength": examined(),
        "isolation": IsolationEvidence(isolation="docker", engine="e", runtime="r", image="i", limits=limits),
    }  # fmt: skip
    return Evidence.model_validate(right | changes)


def failed(failure: Failure) -> Evidence:
    return evidence(properties=properties(failure=failure, failed_at=1))


def ended(how: str, case: Case | None = CASE) -> Evidence:
    return failed(RunnerEnded(case=case, how=how, detail="why"))


def accessed(fault: str) -> Evidence:
    return failed(AccessFault(case=CASE, conditions="natural order", fault=fault, argument=None, allocation=1,
                              element=-4, line=9, program=(1, 0, 0), other=(2, 0, 0)))  # fmt: skip


def formed(aspect: str) -> Evidence:
    return failed(WrongForm(case=CASE, aspect=aspect, expected="a", got="b"))


def denied(rule: str) -> Evidence:
    fact = SourceFact(rule=rule, line=3, detail="why")
    return evidence(source=(fact,), properties=Missing(reason="it was not run", ours=False), environment=None,
                    isolation=None)  # fmt: skip


def isolation(*limits: tuple[str, bool]) -> Evidence:
    seen = tuple(LimitEvidence(name=name, holds=holds, observed="") for name, holds in limits)
    return evidence(isolation=IsolationEvidence(isolation="docker", engine="", runtime="", image="", limits=seen))


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
    "out_of_bounds_load": (accessed("out_of_bounds_load"), "memory/out-of-bounds-load"),
    "out_of_bounds_store": (accessed("out_of_bounds_store"), "memory/out-of-bounds-store"),
    "foreign_argument": (accessed("foreign_argument"), "memory/foreign-argument"),
    "uninitialised_read": (accessed("uninitialised_read"), "memory/uninitialised-read"),
    "write_to_input": (accessed("write_to_input"), "memory/write-to-input"),
    "aliased_output": (accessed("aliased_output"), "memory/aliased-output"),
    "double_store": (accessed("double_store"), "races/double-store"),
    "unsynchronised": (accessed("unsynchronised"), "races/unsynchronised"),
    "results_differ": (failed(ResultsDiffer(case=CASE, output=0)), "properties/nondeterministic"),
    "no_launch": (failed(NoLaunch(case=CASE)), "properties/no-launch"),
    "refused": (evidence(compile=compiled(uncompiled("refused"))), "compile/error"),
    "out_of_resources": (evidence(compile=compiled(uncompiled("out_of_resources"))), "compile/out-of-resources"),
    "compiler_crashed": (evidence(compile=compiled(uncompiled("crashed"))), "compile/crashed"),
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

    "deadline_spent": (evidence(properties=properties(deadline_spent=True)), "evidence/too-few-cases"),
    "nothing_compared": (evidence(properties=properties(compared=dict.fromkeys(FLOATS[1:], 7) | {FLOATS[0]: 0})),
                         "evidence/nothing-compared"),
    "compared_in_other_dtypes": (evidence(properties=properties(compared=dict.fromkeys(FLOATS[1:], 7))),
                                 "evidence/nothing-compared"),
    "no_dtype": (evidence(properties=properties(offered=("float64",), dtypes=())), "evidence/dtype-not-tried"),
    "dtype_not_tried": (evidence(properties=properties(dtypes=("float32", "float16"))), "evidence/dtype-not-tried"),
    "not_compiled": (evidence(compile=Missing(reason="r", ours=True)), "evidence/compile-missing"),
    "nothing_compiled_for_one": (evidence(compile=compiled(targets=TARGETS[1:])), "evidence/compile-missing"),
    "compiler_too_slow": (evidence(compile=compiled(uncompiled("timed_out"))), "evidence/compile-incomplete"),
    "not_compilable_here": (evidence(compile=compiled(uncompiled("not_tried"))), "evidence/compile-incomplete"),
    "no_controls": (evidence(properties=properties(controls=())), "evidence/control-missing"),
    "a_control_that_did_not_fire": (
        evidence(properties=properties(controls=(
            ControlEvidence(name="double store", fired=False),
            *(ControlEvidence(name=name, fired=True) for name in CONTROLS if name != "double store"),
        ))), "evidence/control-missing"),
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


@pytest.mark.parametrize(("policy", "tier"), [("ci", Tier.FUNCTIONAL), ("production", Tier.PRODUCTION_SAFE)])
def test_with_every_check_on_a_gpu_it_is_production_safe_where_all_of_them_are_asked_for(
    policy: str, tier: Tier
) -> None:
    verdict = decide(evidence(device=device()), POLICIES[policy])
    assert (verdict.tier, verdict.allowed, verdict.findings) == (tier, True, ())


def test_a_policy_that_asks_for_some_checks_on_a_gpu_calls_nothing_production_safe() -> None:
    some = POLICIES["production"].model_copy(update={"gpu_checks": ("properties", "replay")})
    assert decide(evidence(device=device()), some).tier is Tier.FUNCTIONAL


def test_what_can_not_be_recorded_is_functional_which_production_does_not_let_through() -> None:
    given = evidence(device=device(unrecorded="a value was read", unrecorded_cases=1))
    verdict = decide(given, POLICIES["production"])
    assert (verdict.tier, verdict.allowed) == (Tier.FUNCTIONAL, False)
    assert rules(verdict) == {"replay/not-recorded"}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("given", "rule"), ERRORS.values(), ids=ERRORS)
def test_a_failure_rejects_under_every_policy(given: Evidence, rule: str, policy: str) -> None:
    verdict = decide(given, POLICIES[policy])
    assert (verdict.tier, verdict.allowed) == (Tier.REJECTED, False)
    assert rules(verdict) - {"evidence/gpu-check-missing"} == {rule}
    assert verdict.findings[0].severity == "error"


def test_a_fault_is_said_with_its_line_its_place_and_its_programs() -> None:
    finding = decide(accessed("unsynchronised"), POLICIES["dev"]).findings[0]
    place = "element -4 of the call's allocation number 2"
    said = f"{place} is used by two programs, and nothing orders them (natural order, programs (1, 0, 0) and (2, 0, 0))"
    assert (finding.line, finding.message) == (9, said)


def test_a_policy_chooses_among_the_controls() -> None:
    rules_ = POLICIES["dev"].properties
    given = evidence(properties=properties(controls=()))
    for asked, missing in (((), 0), (("double store", "program order"), 2), ("all", len(CONTROLS))):
        policy = POLICIES["dev"].model_copy(update={"properties": rules_.model_copy(update={"controls": asked})})
        found = [finding for finding in decide(given, policy).findings if finding.rule == "evidence/control-missing"]
        assert len(found) == missing


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


LAYER = LimitEvidence(name="own kernel", holds=True, observed="gVisor")


@pytest.mark.parametrize("layers", [(), (LAYER.model_copy(update={"holds": False}),)], ids=["not_seen", "not_there"])
def test_a_layer_that_a_policy_requires_denies_where_it_was_not_seen(layers: tuple[LimitEvidence, ...]) -> None:
    lacking, having = (
        given.model_copy(update={"isolation": given.isolation.model_copy(update={"layers": seen})})
        for given, seen in ((evidence(), layers), (evidence(), (LAYER,)))
    )
    assert decide(lacking, POLICIES["ci"]).allowed
    assert decide(having, LAYERED).allowed
    verdict = decide(lacking, LAYERED)
    assert (verdict.tier, rules(verdict)) == (Tier.INCONCLUSIVE, {"evidence/layer-missing"})


def test_production_requires_every_limit_that_the_probe_knows() -> None:
    assert set(LIMITS) == set(CHECKS)


def isolated_by(kind: str) -> Evidence:
    given = evidence()
    assert given.isolation is not None
    return given.model_copy(update={"isolation": given.isolation.model_copy(update={"isolation": kind})})


@pytest.mark.parametrize("policy", ["ci", "production"])
@pytest.mark.parametrize("kind", ["namespace", "scripted", "none", "Docker", ""])
def test_above_dev_only_containers_of_an_engine_count(kind: str, policy: str) -> None:
    verdict = decide(isolated_by(kind), POLICIES[policy])
    assert (verdict.tier, verdict.allowed) == (Tier.INCONCLUSIVE, False)
    assert rules(verdict) - {"evidence/gpu-check-missing"} == {"isolation/not-accepted"}
    assert f"'{kind}'" in verdict.findings[0].message


def test_the_embedded_sandbox_is_enough_for_a_developer() -> None:
    verdict = decide(isolated_by("namespace"), POLICIES["dev"])
    assert (verdict.tier, verdict.allowed, verdict.findings) == (Tier.FUNCTIONAL, True, ())


def test_no_isolation_at_all_is_not_enough_for_a_developer_either() -> None:
    verdict = decide(isolated_by("none"), POLICIES["dev"])
    assert (verdict.tier, verdict.allowed) == (Tier.INCONCLUSIVE, False)


def test_fewer_cases_are_enough_for_the_policy_that_asks_for_fewer() -> None:
    given = evidence(properties=properties(pairwise_cases=20, random_cases=10, targeted_cases=0))
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
    few = properties(pairwise_cases=56, random_cases=3, targeted_cases=0, deadline_spent=True)
    (finding,) = decide(evidence(properties=few), POLICIES["ci"]).findings
    assert finding.message == "59 cases were run, 220 asked for; the total deadline was spent"


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
    judged = [given for given, _ in [*ERRORS.values(), *INCOMPLETE.values()]]
    weak = [given for given, _ in WEAK_OPERATOR.values()]
    lax = [isolated_by("namespace"), evidence()]
    on_gpu = [evidence(device=one) for one in every_device_evidence()]
    origins = [evidence(origin=origin) for origin, _ in EVERY.values()]
    return [*judged, *LIMIT_NOT_PROVEN.values(), *WEAK_TEST.values(), *weak, *lax, *on_gpu, *origins]


WEAK_TEST = {
    "evidence/mutants-missing": evidence(mutants=Missing(reason="no runner", ours=True)),
    "mutants/weak-test": evidence(mutants=mutated(10, 10)),
}


@pytest.mark.parametrize("rule", WEAK_TEST)
def test_a_test_that_mutants_survive_denies_without_blame_where_the_policy_asks_for_mutants(rule: str) -> None:
    verdict = decide(WEAK_TEST[rule], POLICIES["production"])
    assert rule in rules(verdict)
    assert verdict.tier is Tier.INCONCLUSIVE
    assert decide(WEAK_TEST[rule], POLICIES["ci"]).tier is Tier.FUNCTIONAL


def test_mutants_are_not_asked_of_a_candidate_that_a_case_has_failed() -> None:
    given = evidence(properties=properties(failure=WRONG, failed_at=1), mutants=Missing(reason="r", ours=False))
    assert not {"evidence/mutants-missing", "mutants/weak-test"} & set(rules(decide(given, POLICIES["production"])))


WEAK_OPERATOR = {
    "never_examined": (evidence(strength=Missing(reason="r", ours=False)), "evidence/operator-unchecked"),
    "too_few_kernels": (evidence(strength=examined(kernels=1)), "evidence/operator-unchecked"),
    "no_mutant": (evidence(strength=examined(0)), "operator/weak-test"),
    "mutants_alive": (evidence(strength=examined(197, 3)), "operator/weak-test"),
    "zeros_pass": (evidence(strength=examined(passed_over=("zeros",))), "operator/weak-test"),
    "nothing_to_reject": (evidence(strength=examined(degenerates=0)), "operator/weak-test"),
}


@pytest.mark.parametrize("name", WEAK_OPERATOR)
def test_nothing_is_certified_by_an_operator_whose_own_test_is_not_known_to_be_strong(name: str) -> None:
    given, rule = WEAK_OPERATOR[name]
    verdict = decide(given, POLICIES["production"])
    assert rule in rules(verdict)
    assert verdict.tier is Tier.INCONCLUSIVE
    assert decide(given, POLICIES["ci"]).tier is Tier.FUNCTIONAL


def test_a_strong_operator_adds_no_finding() -> None:
    for strength in (examined(), examined(198, 2)):
        found = rules(decide(evidence(strength=strength), POLICIES["production"]))
        assert not {"evidence/operator-unchecked", "operator/weak-test"} & set(found)


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


@pytest.mark.parametrize("policy", [*POLICIES.values(), LAYERED], ids=[*POLICIES, "layered"])
def test_every_finding_is_explained_by_a_piece_of_its_evidence(policy: Policy) -> None:
    for given in every_evidence():
        verdict = decide(given, policy)
        why = explain(given, policy, verdict)
        grounds = (*why.decided, *why.besides)
        assert {ground.finding.rule for ground in grounds} == rules(verdict)
        assert all(ground.evidence and ground.seen and ground.needed for ground in grounds)
        assert bool(why.decided) == bool(verdict.findings)
        assert len({ground.finding.severity for ground in why.decided}) <= 1


FORGIVEN = {
    "informative": compiled(uncompiled("refused", target="gfx942", required=False)),
    "passed_over_by_an_autotuner": compiled(uncompiled("out_of_resources", passed_over=True)),
    "not_on_that_architecture": compiled(targets=TARGETS[1:], not_on=TARGETS[:1]),
}


def about_compiling(verdict: Verdict) -> list[Finding]:
    return [finding for finding in verdict.findings if "compile" in finding.rule]


@pytest.mark.parametrize("name", FORGIVEN)
def test_a_compilation_that_nobody_needs_may_fail(name: str) -> None:
    assert not about_compiling(decide(evidence(compile=FORGIVEN[name]), POLICIES["ci"]))


def test_one_error_on_several_architectures_is_one_finding_on_its_line() -> None:
    failures = (uncompiled("refused", target=name, error="CompilationError") for name in TARGETS)
    (finding,) = about_compiling(decide(evidence(compile=compiled(*failures)), POLICIES["ci"]))
    assert finding.message == "k for sm_100, sm_80, sm_90: CompilationError: m; as k(x: *float32)"
    assert finding.line == 3


def test_what_was_not_compiled_because_a_case_failed_is_no_second_finding() -> None:
    given = evidence(properties=properties(failure=WRONG, failed_at=1), compile=Missing(reason="r", ours=False))
    assert not about_compiling(decide(given, POLICIES["ci"]))


def test_every_rule_is_reached_by_some_evidence() -> None:
    reached = {
        rule
        for given in every_evidence()
        for policy in (*POLICIES.values(), LAYERED, ASKING_FOR_ORIGINS)
        for rule in rules(decide(given, policy))
    }
    reached |= rules(decide(evidence(), POLICIES["ci"], made_under=POLICIES["dev"]))
    assert reached == set(RULES) - {"waiver/expired"}  # tests/policies/test_waiving.py


@pytest.mark.parametrize("module", NAMING, ids=lambda m: m.__name__)
def test_every_rule_that_the_code_names_exists(module: object) -> None:
    named = set(
        re.findall(
            r"\"((?:candidate|source|properties|memory|races|replay|benchmark|compile|mutants|isolation|origin|evidence|waiver)/[a-z0-9-]+)\"",
            Path(module.__file__).read_text(),
        )
    )
    assert named
    assert named <= set(RULES)


def test_every_rule_is_named_by_the_code() -> None:
    text = "".join(Path(m.__file__).read_text() for m in NAMING)
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


@pytest.mark.parametrize("offered", [("int8",), ("float32", "int64"), ("float8_e4m3fn",)])
def test_only_a_dtype_that_the_operator_has_can_be_missed(offered: tuple[str, ...]) -> None:
    given = evidence(properties=properties(offered=offered, dtypes=offered))
    assert decide(given, POLICIES["dev"]).allowed


@pytest.mark.parametrize("name", EVERY)
def test_a_policy_that_asks_where_a_text_comes_from_denies_by_it_and_no_other_does(name: str) -> None:
    origin, rule = EVERY[name]
    given = evidence(origin=origin)
    verdict = decide(given, ASKING_FOR_ORIGINS)
    assert rules(verdict) == {rule}
    assert verdict.tier is (Tier.INCONCLUSIVE if rule.startswith("evidence/") else Tier.REJECTED)
    assert decide(given, POLICIES["ci"]).tier is Tier.FUNCTIONAL


def test_evidence_that_was_stored_before_origins_were_looked_at_still_loads() -> None:
    stored = json.loads(evidence().model_dump_json())
    del stored["origin"]
    assert decide(Evidence.model_validate(stored), POLICIES["ci"]).tier is Tier.FUNCTIONAL
    assert rules(decide(Evidence.model_validate(stored), ASKING_FOR_ORIGINS)) == {"evidence/origin-missing"}


def test_where_offsets_are_beyond_32_bits_the_finding_says_so() -> None:
    plan = TensorPlan(values="normal", special="none", position="first", layout="huge")
    case = CASE.model_copy(update={"tensors": {"x": plan}})
    (finding,) = decide(failed(WRONG.model_copy(update={"case": case})), POLICIES["ci"]).findings
    assert "offsets into 'x' do not fit into 32 bits" in finding.message

"""What each piece of evidence from a GPU does to a verdict under the production policy."""

from __future__ import annotations

import pytest
from gpu_evidence import (
    CARD,
    CASE,
    FAILURES,
    LACKS,
    LARGE,
    LONG,
    PRODUCTION,
    ROW,
    RULE_OF_TOOL,
    TOOLS,
    UNRECORDED,
    device,
    watched,
)  # fmt: skip

from policies.decide import decide
from policies.gpu_findings import findings_of
from policies.policy import Policy, Tier, load_policy
from policies.rules import RULES
from policies.verdict import Finding
from runners.device_evidence import BenchmarkEvidence, DeviceEvidence, SanitizerFinding
from runners.evidence import CandidateFacts, Environment, Evidence, Missing


def found(evidence: DeviceEvidence | Missing, policy: Policy = PRODUCTION) -> list[Finding]:
    return list(findings_of(evidence, policy))


def test_complete_evidence_has_no_finding() -> None:
    assert not found(device())


@pytest.mark.parametrize("name", ["dev", "ci"])
def test_a_policy_that_asks_for_no_gpu_misses_none(name: str) -> None:
    assert not found(Missing(reason="this run has no GPU", ours=False), load_policy(name))


def test_without_a_gpu_each_check_is_missing_with_the_reason() -> None:
    findings = found(Missing(reason="this run has no GPU", ours=False))
    assert len(findings) == len(PRODUCTION.gpu_checks)
    assert all("this run has no GPU" in one.message and one.severity == "incomplete" for one in findings)


@pytest.mark.parametrize("lack", LACKS)
def test_what_is_missing_leaves_it_open(lack: str) -> None:
    changes, rule = LACKS[lack]
    findings = found(device(**changes))
    assert [(one.rule, one.severity) for one in findings] == [(rule, "incomplete")]


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_tool_reports_denies_and_names_the_line(tool: str) -> None:
    one = SanitizerFinding(what="Invalid something", kernel="a_kernel", line=23)
    tools = (watched(t, findings=(one,), control_fired=False) if t == tool else watched(t) for t in TOOLS)
    (finding,) = found(device(sanitizers=tuple(tools)))
    assert (finding.rule, finding.severity, finding.line) == (RULE_OF_TOOL[tool], "error", 23)
    assert "a_kernel" in finding.message


@pytest.mark.parametrize(("order_free", "findings"), [(False, 1), (True, 0)])
def test_timed_calls_that_differ_deny_unless_the_order_is_free(order_free: bool, findings: int) -> None:
    rows = (ROW.model_copy(update={"differing": 2}),)
    timed = BenchmarkEvidence(card=CARD, rows=rows, problem=None)
    assert len(found(device(benchmark=timed, order_free=order_free))) == findings


def evidence(of_device: DeviceEvidence | Missing) -> Evidence:
    """Evidence in which the interpreter's part is missing nothing that this test is about."""
    facts = CandidateFacts(digest="d", path="relu.py", source_bytes=1, operator="relu", entry="relu")
    return Evidence(
        candidate=facts,
        operator_digest="o",
        source=(),
        properties=Missing(reason="not part of this test", ours=False),
        device=of_device,
        environment=Environment(hardware="cpu", python="3", torch="2", triton="3", interpreter_repaired=True),
        isolation=None,
    )


def of_the_gpu(of_device: DeviceEvidence | Missing) -> list[Finding]:
    findings = decide(evidence(of_device), PRODUCTION).findings
    return [one for one in findings if one.rule != "evidence/properties-missing"]


@pytest.mark.parametrize("name", FAILURES)
def test_a_failing_case_on_the_gpu_denies_once(name: str) -> None:
    failure, rule = FAILURES[name]
    (finding,) = of_the_gpu(device(failure=failure, failed_at=3))
    assert (finding.rule, finding.severity) == (rule, "error")
    assert finding.case == CASE


def test_a_failing_case_on_the_gpu_denies_under_every_policy() -> None:
    failure, _ = FAILURES["fault"]
    verdict = decide(evidence(device(failure=failure, failed_at=3)), load_policy("dev"))
    assert verdict.tier is Tier.REJECTED


def test_without_proof_of_the_gpu_container_nothing_is_certified() -> None:
    (finding,) = of_the_gpu(device(isolation=None))
    assert (finding.rule, finding.severity) == ("evidence/isolation-missing", "incomplete")


def test_what_can_not_be_recorded_is_at_most_functional() -> None:
    (finding,) = found(device(**UNRECORDED))
    assert (finding.rule, finding.severity) == ("replay/not-recorded", "capped")
    assert "a value was read" in finding.message


def test_where_nothing_can_be_recorded_the_reason_stands_alone() -> None:
    nothing = device(
        unrecorded="data", unrecorded_cases=100, replayed=0, plans=0, perturbed=0, guard_fired=False, sanitizers=(),
        benchmark=BenchmarkEvidence(card=None, rows=(), problem="none had a plan"),
    )  # fmt: skip
    assert [one.rule for one in found(nothing)] == ["replay/not-recorded"]


def test_every_rule_that_is_named_here_exists() -> None:
    named = {rule for _, rule in LACKS.values()} | set(RULE_OF_TOOL.values()) | {rule for _, rule in FAILURES.values()}
    assert named <= set(RULES)


@pytest.mark.parametrize("outcome", ["refused", "unfit"])
def test_what_a_candidate_refuses_or_its_operator_has_not_is_no_finding(outcome: str) -> None:
    one = LARGE.model_copy(update={"outcome": outcome, "reason": "at most 2**31 elements", "rows": 0})
    axis = LONG.model_copy(update={"refused": "OutOfResources"})
    assert not found(device(large=(one,), long_axes=(axis,)))


def test_an_operator_without_a_long_axis_misses_none() -> None:
    assert not found(device(long_axes=()))


def test_without_room_the_finding_says_what_is_needed() -> None:
    one = LARGE.model_copy(update={"outcome": "unmeasured", "reason": "24000 MiB are needed"})
    (finding,) = found(device(large=(one,)))
    assert "24000 MiB are needed" in finding.message
    assert LARGE.case in finding.message


def test_a_policy_may_ask_for_neither() -> None:
    rules = PRODUCTION.gpu.model_copy(update={"long_axes": False, "large_shapes": False})
    assert not found(device(long_axes=None, large=()), PRODUCTION.model_copy(update={"gpu": rules}))


def test_a_large_case_without_a_plan_is_said_once() -> None:
    one = LARGE.model_copy(update={"outcome": "unrecorded", "reason": "a value was read"})
    (finding,) = found(device(**UNRECORDED, large=(one,)))
    assert finding.rule == "replay/not-recorded"

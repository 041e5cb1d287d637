"""The decision: a pure function of evidence and policy. Missing evidence denies; nothing here measures anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final, get_args

from policies.access_findings import fault_finding
from policies.compile_findings import findings_of
from policies.gpu_findings import findings_of as gpu_findings
from policies.lacking import findings_of as lacking_findings
from policies.mutant_findings import findings_of as mutant_findings
from policies.organisation import with_organisation
from policies.origin_findings import findings_of as origin_findings
from policies.policy import GpuCheck, Policy, Tier, required_controls
from policies.strength_findings import findings_of as strength_findings
from policies.verdict import Finding, Verdict
from policies.waivers import DatedWaivers
from policies.waiving import with_waivers
from runners.cases import Case
from runners.device_evidence import DeviceEvidence
from runners.evidence import Evidence, Missing, PropertiesEvidence
from runners.failures import (
    AccessFault,
    BadPlan,
    CodeRaised,
    DeviceFault,
    Failure,
    InputChanged,
    NoLaunch,
    OutsideWritten,
    ResultsDiffer,
    RunnerEnded,
    WrongForm,
    WrongValues,
)
from runners.isolation_evidence import IsolationEvidence

_FORM_RULES: Final = {
    "type": "properties/wrong-type", "count": "properties/wrong-type", "dtype": "properties/wrong-dtype",
    "shape": "properties/wrong-shape", "size": "properties/wrong-shape", "layout": "properties/not-contiguous",
    "device": "properties/wrong-type",
}  # fmt: skip
_END_RULES: Final = {
    "timed_out": "properties/timed-out", "out_of_memory": "properties/out-of-memory", "signal": "properties/crashed",
    "exited": "properties/exited", "protocol_broken": "properties/protocol-broken",
}  # fmt: skip


def decide(
    evidence: Evidence,
    policy: Policy,
    made_under: Policy | None = None,
    *,
    waivers: DatedWaivers | None = None,
) -> Verdict:
    """Judges `evidence` by `policy` and `waivers`. The same arguments always give the same verdict.

    Args:
        made_under: The policy that the evidence was made under, where that is another one.
    """
    findings = (
        *_from_source(evidence),
        *_from_origin(evidence, policy),
        *_from_properties(evidence, policy),
        *_from_compile(evidence, policy),
        *_from_mutants(evidence, policy),
        *_from_operator(evidence, policy),
        *_from_isolation(evidence, policy),
        *_from_gpu(evidence, policy),
        *(lacking_findings(evidence, policy, made_under) if made_under is not None else ()),
    )
    tier = _tier(findings, policy)
    verdict = Verdict(
        tier=tier,
        allowed=tier in policy.allows,
        policy=policy.name,
        policy_digest=policy.digest,
        evidence_digest=hashlib.sha256(evidence.model_dump_json().encode()).hexdigest(),
        findings=findings,
    )
    if waivers is not None:
        verdict = with_waivers(verdict, evidence.candidate.digest, policy, waivers)
    return with_organisation(verdict, evidence, policy)  # last, so that its rules can only deny what all others allow


def _tier(findings: tuple[Finding, ...], policy: Policy) -> Tier:
    severities = {finding.severity for finding in findings}
    if "error" in severities:
        return Tier.REJECTED
    if "incomplete" in severities:
        return Tier.INCONCLUSIVE
    # Only all of it on the GPU is more than right on the interpreter.
    whole = set(policy.gpu_checks) == set(get_args(GpuCheck))
    return Tier.PRODUCTION_SAFE if whole and not findings else Tier.FUNCTIONAL


def _from_source(evidence: Evidence) -> Iterator[Finding]:
    for fact in evidence.source:
        yield Finding(rule=fact.rule, severity="error", message=fact.detail, line=fact.line)


def _from_origin(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    if not evidence.source or not isinstance(evidence.origin, Missing):  # what is no Python has no origin
        yield from origin_findings(evidence.origin, policy.origin)


def _from_properties(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    match evidence.properties:
        case Missing(reason=reason):
            if not evidence.source:
                yield _incomplete("evidence/properties-missing", reason)
        case PropertiesEvidence(failure=None) as properties:
            yield from _short_of(properties, policy)
            if evidence.environment is None or not evidence.environment.interpreter_repaired:
                yield _incomplete("evidence/interpreter-unverified", "the runner's Triton is not one that was verified")
        case PropertiesEvidence(failure=failure):
            assert failure is not None
            yield finding_of(failure)


def _short_of(properties: PropertiesEvidence, policy: Policy) -> Iterator[Finding]:
    if properties.unsupported is not None:
        unsupported = properties.unsupported
        count = properties.unsupported_cases
        yield Finding(
            rule="evidence/unsupported",
            severity="incomplete",
            message=f"{unsupported.reason} ({count} case{'s' if count > 1 else ''})",
            line=unsupported.line,
            case=unsupported.case,
        )
        return
    asked = policy.properties
    short = (
        properties.pairwise_cases < asked.pairwise_cases
        or properties.random_cases < asked.random_cases
        or properties.targeted_cases < asked.targeted_cases
    )
    if short or properties.deadline_spent:
        why = "; the total deadline was spent" if properties.deadline_spent else ""
        yield _incomplete("evidence/too-few-cases", f"{properties.cases} cases were run, {asked.cases} asked for{why}")
    yield from _short_of_dtypes(properties, policy)
    fired = {control.name for control in properties.controls if control.fired}
    for name in required_controls(asked.controls):
        if name not in fired:
            yield _incomplete("evidence/control-missing", f"the planted fault '{name}' was not reported")


def _short_of_dtypes(properties: PropertiesEvidence, policy: Policy) -> Iterator[Finding]:
    if not properties.dtypes:
        offered = ", ".join(properties.offered)
        yield _incomplete("evidence/dtype-not-tried", f"the operator has {offered}, the policy asks for none of them")
    for untried in sorted((set(policy.properties.dtypes) & set(properties.offered)) - set(properties.dtypes)):
        yield _incomplete("evidence/dtype-not-tried", f"no case was drawn in {untried}")
    if properties.compared is not None:
        for dtype in properties.dtypes:
            if not properties.compared.get(dtype):
                yield _incomplete("evidence/nothing-compared", f"no element of a result in {dtype} was compared")


def finding_of(failure: Failure) -> Finding:
    """Says a failure as a finding, with its rule."""
    match failure:
        case WrongValues(case=case):
            rule = "properties/nonfinite" if failure.nonfinite else "properties/wrong-values"
            return _error(rule, _wrong_values(failure), case=case)
        case WrongForm(case=case, aspect=aspect, expected=expected, got=got):
            return _error(_FORM_RULES[aspect], f"{aspect} is {got}, {expected} is due", case=case)
        case CodeRaised(case=case, error=error, message=message, line=line):
            where = "while loading: " if case is None else ""
            return _error("properties/raised", f"{where}{error}: {_first_line(message)}", case=case, line=line)
        case RunnerEnded(case=case, how=how, detail=detail):
            message = f"while loading: {detail}" if case is None else f"{detail}, on {case.describe()}"
            return _error(_END_RULES[how], message, case=case)
        case InputChanged(case=case, argument=argument):
            return _error("properties/input-changed", f"the bytes of '{argument}' changed", case=case)
        case AccessFault():
            return fault_finding(failure)
        case ResultsDiffer(case=case):
            return _error("properties/nondeterministic", "two runs of one input gave different bits", case=case)
        case NoLaunch(case=case):
            return _error("properties/no-launch", "a call launched no kernel", case=case)
        case DeviceFault(case=case, conditions=conditions, kernel=kernel, error=error):
            what = f"kernel {kernel}" if kernel is not None else "a fill or copy"
            return _error("memory/device-fault", f"{error} in {what}, {conditions}", case=case)
        case OutsideWritten(case=case, conditions=conditions, argument=argument):
            beside = f"'{argument}'" if argument is not None else "memory that the candidate allocated"
            return _error("memory/out-of-bounds", f"bytes beside {beside} were written, {conditions}", case=case)
        case BadPlan(case=case, problem=problem):
            return _error("replay/bad-plan", f"what was recorded on the GPU can't be carried out: {problem}", case=case)


def _wrong_values(failure: WrongValues) -> str:
    first = failure.first[0]
    index = ", ".join(str(i) for i in first.index)
    at = f"[{index}]" if index else "the only element"
    return (
        f"{failure.wrong} of {failure.total} elements wrong in {failure.conditions}; "
        f"first at {at}: {first.got:.9g}, expected {first.expected:.9g}"
    )


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:200] if lines else ""


def _from_compile(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    if not policy.compile.required_targets or not _is_worth_compiling(evidence):
        return
    compiled = evidence.compile
    if isinstance(compiled, Missing):
        if isinstance(evidence.properties, PropertiesEvidence) and evidence.properties.unsupported is None:
            yield _incomplete("evidence/compile-missing", compiled.reason)
        return
    required = policy.compile.required_targets
    failed = tuple(findings_of(compiled.failures, required))
    yield from failed
    # For a target that was not required when it was measured, little was compiled: that is no evidence.
    tried = {target.target for target in compiled.targets if target.compiled and target.required}
    for target in required:
        if target not in tried and target not in compiled.not_on and not failed:
            yield _incomplete("evidence/compile-missing", f"nothing was compiled for {target}")


def _is_worth_compiling(evidence: Evidence) -> bool:
    properties = evidence.properties
    return isinstance(properties, PropertiesEvidence) and properties.failure is None


def _from_mutants(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    properties = evidence.properties
    if not evidence.source and isinstance(properties, PropertiesEvidence) and properties.failure is None:
        yield from mutant_findings(evidence.mutants, policy.mutants)


def _from_operator(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    properties = evidence.properties
    if not evidence.source and isinstance(properties, PropertiesEvidence) and properties.failure is None:
        yield from strength_findings(evidence.strength, policy.operator)


def _from_isolation(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    if not isinstance(evidence.properties, Missing):
        yield from _isolated(evidence.isolation, policy)


def _isolated(isolation: IsolationEvidence | None, policy: Policy) -> Iterator[Finding]:
    if isolation is None:
        yield _incomplete("evidence/isolation-missing", "no proof of isolation is with the evidence")
        return
    if isolation.isolation not in policy.isolation.accepted:
        accepted = ", ".join(policy.isolation.accepted)
        yield _incomplete(
            "isolation/not-accepted",
            f"it was run in a sandbox of the kind '{isolation.isolation}', the policy accepts {accepted}",
        )
    limits = isolation.limits
    held = {limit.name for limit in limits} - {limit.name for limit in limits if not limit.holds}
    for name in policy.isolation.required_limits:
        if name not in held:
            yield _incomplete("evidence/limit-not-proven", f"the limit '{name}' was not seen to hold")
    layers = isolation.layers
    there = {layer.name for layer in layers} - {layer.name for layer in layers if not layer.holds}
    for name in policy.isolation.required_layers:
        if name not in there:
            yield _incomplete("evidence/layer-missing", f"the sandbox was not seen to have '{name}'")


def _from_gpu(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    if evidence.source:
        return
    device = evidence.device
    if isinstance(device, DeviceEvidence) and device.failure is not None:
        yield finding_of(device.failure)
    if isinstance(device, DeviceEvidence) and policy.gpu_checks:
        yield from _isolated(device.isolation, policy)
    yield from gpu_findings(device, policy)


def _incomplete(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity="incomplete", message=message)


def _error(rule: str, message: str, *, case: Case | None, line: int | None = None) -> Finding:
    huge = [name for name, plan in case.tensors.items() if plan.layout == "huge"] if case is not None else []
    if huge:
        message += f"; offsets into '{huge[0]}' do not fit into 32 bits there: make one factor tl.int64"
    return Finding(rule=rule, severity="error", message=message, case=case, line=line)

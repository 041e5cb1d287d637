"""Why a verdict is what it is: the rules that decided, each with its piece of evidence, and what was satisfied.

Everything here is read off stored evidence, the policy and the verdict; nothing is judged again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policies.comparing import shown, value_of
from policies.decide import finding_of
from policies.evidence_words import in_words
from policies.grounds import Grounds, grounds_of
from policies.policy import Policy, required_controls
from policies.rules import ORGANISATION
from policies.verdict import Finding, Verdict
from runners.device_evidence import DeviceEvidence
from runners.evidence import (
    CompileEvidence,
    Evidence,
    LimitEvidence,
    Missing,
    MutantsEvidence,
    OriginEvidence,
    PropertiesEvidence,
    StrengthEvidence,
)

_WORST: Final = ("error", "incomplete", "capped", "waived")


@dataclass(frozen=True, slots=True)
class Ground:
    """One finding with what it stands on.

    Attributes:
        evidence: Path in evidence.json; empty where it is all of it.
        seen: What is written there, in words, cut to a line.
        asked: What the policy says, as 'key = value'; empty where the rule asks no field of it.
        needed: What would have had to be different.
    """

    finding: Finding
    evidence: str
    seen: str
    asked: tuple[str, ...]
    needed: str


@dataclass(frozen=True, slots=True)
class Satisfied:
    """One check that stands, with what it stands on."""

    check: str
    evidence: str
    what: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a verdict is what it is.

    Attributes:
        decided: The findings that made the tier; empty where nothing stands against the candidate.
        besides: Findings that would count if those were not there.
    """

    verdict: Verdict
    policy: Policy
    decided: tuple[Ground, ...]
    besides: tuple[Ground, ...]
    satisfied: tuple[Satisfied, ...]


def explain(evidence: Evidence, policy: Policy, verdict: Verdict) -> Explanation:
    """Explains a verdict that follows from `evidence` and `policy`."""
    severities = {finding.severity for finding in verdict.findings}
    worst = next((severity for severity in _WORST if severity in severities), None)
    document = evidence.model_dump(mode="json")
    grounds = [_ground(finding, evidence, document, policy) for finding in verdict.findings]
    return Explanation(
        verdict=verdict,
        policy=policy,
        decided=tuple(ground for ground in grounds if ground.finding.severity == worst),
        besides=tuple(ground for ground in grounds if ground.finding.severity != worst),
        satisfied=tuple(_satisfied(evidence, policy, verdict.findings)),
    )


def _ground(finding: Finding, evidence: Evidence, document: dict[str, Any], policy: Policy) -> Ground:
    grounds = grounds_of(finding.rule)
    path = _path(finding, grounds, evidence)
    asked = tuple(f"{key} = {shown(value_of(policy, key))}" for key in _keys(finding, grounds, path))
    if finding.rule.startswith(ORGANISATION):
        asked = tuple(
            f"organisation.{number}.expression = {rule.expression}"
            for number, rule in enumerate(policy.organisation)
            if f"{ORGANISATION}{rule.name}" == finding.rule
        )
    properties = evidence.properties
    if path == "properties" and isinstance(properties, PropertiesEvidence):
        seen = _counts(properties, policy)
    else:
        seen = _seen(document, path)
    return Ground(finding, path, seen, asked, grounds.needed)


def _keys(finding: Finding, grounds: Grounds, path: str) -> tuple[str, ...]:
    if finding.rule.startswith(ORGANISATION):
        return ()
    if finding.rule == "evidence/other-policy":
        return (finding.message.split("'")[1],)
    if path.startswith("device") and finding.rule == "evidence/too-few-cases":
        return ("gpu.pairwise_cases", "gpu.random_cases")
    return grounds.keys


def _path(finding: Finding, grounds: Grounds, evidence: Evidence) -> str:
    if grounds.check == "source":
        return _source_path(finding, evidence)
    if grounds.check == "organisation" or not grounds.evidence:
        return ""
    if _is_of_gpu(finding, grounds, evidence):
        return _gpu_path(finding, grounds, evidence.device)
    if finding.rule.startswith("compile/") and isinstance(evidence.compile, CompileEvidence):
        lines = [failure.line for failure in evidence.compile.failures]
        return f"compile.failures.{lines.index(finding.line)}" if finding.line in lines else "compile.failures"
    return grounds.evidence


def _source_path(finding: Finding, evidence: Evidence) -> str:
    for number, fact in enumerate(evidence.source):
        if (fact.rule, fact.line) == (finding.rule, finding.line):
            return f"source.{number}"
    return "source"  # read again under another policy


def _is_of_gpu(finding: Finding, grounds: Grounds, evidence: Evidence) -> bool:
    if grounds.check == "gpu":
        return True
    properties, device = evidence.properties, evidence.device
    if not isinstance(device, DeviceEvidence):
        return False
    if grounds.evidence == "properties.failure":
        failure = properties.failure if isinstance(properties, PropertiesEvidence) else None
        return failure is None or finding_of(failure) != finding
    if finding.rule == "evidence/unsupported":
        return finding.message.startswith("on the GPU")
    if finding.rule == "evidence/too-few-cases":
        return "on the GPU" in finding.message
    return finding.rule == "evidence/control-missing" and not finding.message.startswith("the planted fault '")


def _gpu_path(finding: Finding, grounds: Grounds, device: DeviceEvidence | Missing) -> str:
    if isinstance(device, Missing):
        return "device"
    if finding.rule.startswith(("memory/", "races/")) and device.failure is None:
        for number, tool in enumerate(device.sanitizers):
            if any(found.what in finding.message for found in tool.findings):
                return f"device.sanitizers.{number}.findings.0"
    if finding.rule == "properties/nondeterministic" and device.failure is None:
        return "device.benchmark.rows"
    named = finding.message.split("'")[1] if finding.message.startswith("'") else ""
    for number, tool in enumerate(device.sanitizers):
        if tool.tool == named:
            return f"device.sanitizers.{number}"
    if finding.rule == "evidence/gpu-check-missing":
        words = {"'benchmark'": "benchmark", "replayed under": "perturbed", "no launch plan": "replayed"}
        return next((f"device.{part}" for word, part in words.items() if word in finding.message), "device.sanitizers")
    if finding.rule == "evidence/control-missing":
        return "device.guard_fired"
    return grounds.on_gpu


def _seen(document: dict[str, Any], path: str) -> str:
    value: Any = document
    for part in path.split(".") if path else ():
        value = value[int(part)] if isinstance(value, list) else value[part]
    if not path:
        return "all of the evidence"
    return in_words(value)


def _counts(properties: PropertiesEvidence, policy: Policy) -> str:
    """The cases that have to be run, against what the policy asks for; of all others an operator may have fewer."""
    asked = policy.properties
    return ", ".join(
        f"{getattr(properties, f'{phase}_cases')} {phase} of {getattr(asked, f'{phase}_cases')} asked for"
        for phase in ("pairwise", "random", "targeted")
    )


def _compared(properties: PropertiesEvidence) -> str:
    """How many elements could have been wrong; nothing where evidence of an earlier version does not say."""
    return "" if properties.compared is None else f"; {sum(properties.compared.values()):,} elements compared"


def _satisfied(evidence: Evidence, policy: Policy, findings: Sequence[Finding]) -> Iterator[Satisfied]:
    against = {grounds_of(finding.rule).check for finding in findings}
    if any(finding.rule == "evidence/other-policy" for finding in findings):
        against |= {"compile", "mutants", "origin", "gpu"}  # which of them, its message says
    for entry in (*_of_interpreter(evidence, policy), *_of_the_rest(evidence, policy)):
        if entry.check not in against:
            yield entry


def _of_interpreter(evidence: Evidence, policy: Policy) -> Iterator[Satisfied]:
    properties = evidence.properties
    if not evidence.source:
        yield Satisfied("source", "source", "the contract has nothing against the source")
    if not isinstance(properties, PropertiesEvidence) or properties.failure is not None:
        return
    counts = _counts(properties, policy)
    dtypes = ", ".join(properties.dtypes)
    yield Satisfied(
        "properties", "properties", f"{properties.cases} cases right ({counts}), in {dtypes}{_compared(properties)}"
    )
    fired = {control.name for control in properties.controls if control.fired}
    due = required_controls(policy.properties.controls)
    yield Satisfied("controls", "properties.controls", f"{len(fired & set(due))} of {len(due)} planted faults reported")
    if evidence.environment is not None:
        yield Satisfied("interpreter", "environment", f"repaired for Triton {evidence.environment.triton}")
    if isinstance(evidence.compile, CompileEvidence) and policy.compile.required_targets:
        targets = ", ".join(policy.compile.required_targets)
        yield Satisfied("compile", "compile.targets", f"compiles for {targets}")
    if isinstance(evidence.mutants, MutantsEvidence) and policy.mutants.count:
        mutants = evidence.mutants
        yield Satisfied("mutants", "mutants", f"{mutants.killed} of {mutants.judged} mutants killed")


def _of_the_rest(evidence: Evidence, policy: Policy) -> Iterator[Satisfied]:
    strength, isolation, device = evidence.strength, evidence.isolation, evidence.device
    if isinstance(strength, StrengthEvidence) and policy.operator.required_kill_rate is not None:
        yield Satisfied("operator", "strength", f"its own test kills {strength.kill_rate:.1%} of mutants")
    if isolation is not None:
        proven = _limits_in_words(isolation.limits, policy.isolation.required_limits)
        yield Satisfied("isolation", "isolation", f"run in {isolation.isolation}, {proven}")
    if isinstance(evidence.origin, OriginEvidence) and policy.origin.references is not None:
        yield Satisfied("origin", "origin", "it stands in no reference by more than the policy allows")
    if isinstance(device, DeviceEvidence) and policy.gpu_checks:
        what = f"{', '.join(policy.gpu_checks)}: {device.cases} cases, {device.replayed} replayed, on {device.device}"
        yield Satisfied("gpu", "device", what)
    if policy.organisation:
        yield Satisfied("organisation", "", f"{len(policy.organisation)} rules exactly true")


def _limits_in_words(limits: Sequence[LimitEvidence], required: Sequence[str]) -> str:
    if not required:
        return f"{sum(limit.holds for limit in limits)} limits proven, the policy requires none"
    held = sum(limit.holds for limit in limits if limit.name in required)
    return f"{held} of {len(required)} required limits proven"

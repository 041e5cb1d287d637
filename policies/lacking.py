"""What evidence lacks that was made under another policy than the one that judges.

Most of what a policy asks for shows in the evidence itself: cases that were run, targets that were compiled for, limits
that held. Some does not: that no specials were tried can mean that the operator has none, or that nobody asked. There
the policy that the evidence was made under is compared, and where it asked for less the evidence is missing, unless a
count or a time in it shows that it is enough all the same.

A failure stands: what failed under one policy is not judged again under one that gives more time or allows tf32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from policies.comparing import is_weaker, shown, value_of
from policies.directions import DIRECTIONS
from policies.policy import Policy
from policies.verdict import Finding
from runners.device_evidence import DeviceEvidence
from runners.evidence import CompileEvidence, Evidence, Missing, MutantsEvidence, OriginEvidence, PropertiesEvidence

RULE: Final = "evidence/other-policy"


def findings_of(evidence: Evidence, policy: Policy, made_under: Policy) -> Iterator[Finding]:
    """Yields a finding for each field in which the evidence was made under less than `policy` asks for."""
    for key, direction in DIRECTIONS.items():
        if direction.shown or not _is_about(key, evidence) or not is_weaker(key, made_under, than=policy):
            continue
        enough = _ENOUGH.get(key)
        if enough is None or not enough(evidence, policy):
            had, wants = shown(value_of(made_under, key)), shown(value_of(policy, key))
            message = f"'{key}' was {had} when it was measured, the policy asks for {wants}"
            yield Finding(rule=RULE, severity="incomplete", message=message)


def _is_about(key: str, evidence: Evidence) -> bool:
    """Whether the part of the evidence is there that the field is about, and nothing failed in it."""
    properties, device = evidence.properties, evidence.device
    if not isinstance(properties, PropertiesEvidence) or properties.failure is not None:
        return False
    match key.split(".")[0]:
        case "compile":
            return isinstance(evidence.compile, CompileEvidence)
        case "mutants":
            return isinstance(evidence.mutants, MutantsEvidence)
        case "gpu":
            return isinstance(device, DeviceEvidence) and device.failure is None
    return True


def _properties(evidence: Evidence) -> PropertiesEvidence:
    assert isinstance(evidence.properties, PropertiesEvidence)  # _is_about looked
    return evidence.properties


def _all_compiled(evidence: Evidence, policy: Policy) -> bool:
    return isinstance(evidence.compile, CompileEvidence) and evidence.compile.front_end == 0


def _mutants_run(evidence: Evidence, policy: Policy) -> bool:
    mutants = evidence.mutants
    return isinstance(mutants, MutantsEvidence) and mutants.judged + mutants.inconclusive >= policy.mutants.count


def _same_references(evidence: Evidence, policy: Policy) -> bool:
    origin, named = evidence.origin, policy.origin.references
    compared = origin.comparison if isinstance(origin, OriginEvidence) else origin
    return named is not None and not isinstance(compared, Missing) and compared.references_digest == named.digest


_ENOUGH: Final[Mapping[str, Callable[[Evidence, Policy], bool]]] = MappingProxyType(
    {
        "properties.special_cases": lambda e, p: _properties(e).special_cases >= p.properties.special_cases,
        "properties.block_cases": lambda e, p: _properties(e).block_cases >= p.properties.block_cases,
        "properties.huge_cases": lambda e, p: _properties(e).huge_cases >= p.properties.huge_cases,
        # Evidence from before the slowest answer was timed says 0.
        "properties.case_deadline_s": lambda e, p: 0 < _properties(e).slowest_s <= p.properties.case_deadline_s,
        "compile.specialisations": _all_compiled,
        "mutants.count": _mutants_run,
        "origin.references": _same_references,
    }
)

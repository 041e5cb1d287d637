"""Rules of an organisation, applied: they are asked last, and can only deny.

A rule is asked where everything else would let the candidate through, so nothing that it says can widen a policy. Only
the boolean true lets through. False is a finding of the rule, with the words that its author chose; whatever else comes
out (a value that is no boolean, a field that is not there, an error, too many iterations) says nothing about the
candidate, and denies as missing evidence does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from policies.organisation_rules import BadExpression, CelMissing, OrganisationRule, compiled
from policies.policy import Policy, Tier
from policies.rules import ORGANISATION
from policies.verdict import Finding
from runners.evidence import CandidateFacts, Evidence
from runners.record import Record

FACTS_CAP_BYTES: Final = 8 << 20
_TOLD_COLUMNS: Final = 200


class BuiltInVerdict(Record):
    """What the built-in rules say; only 'capped' findings can be among them, as all others deny."""

    tier: Tier
    findings: tuple[Finding, ...]


class PolicyFacts(Record):
    """Which policy judges."""

    name: str
    digest: str


class Facts(Record):
    """What a rule's expression can name: plain JSON values, as in the files of a run folder.

    NaN and infinities are text there, so that comparing one with a number is an error, which denies.
    """

    schema_version: Literal[1] = 1
    candidate: CandidateFacts
    evidence: Evidence
    verdict: BuiltInVerdict
    policy: PolicyFacts


def findings_of(evidence: Evidence, policy: Policy, tier: Tier, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Yields a finding for each rule that is not exactly true of what the built-in rules made `tier` of."""
    if not policy.organisation:
        return
    facts = Facts(
        candidate=evidence.candidate,
        evidence=evidence,
        verdict=BuiltInVerdict(tier=tier, findings=findings),
        policy=PolicyFacts(name=policy.name, digest=policy.digest),
    )
    too_large = len(facts.model_dump_json()) > FACTS_CAP_BYTES
    values = facts.model_dump(mode="json", exclude={"schema_version"})
    for rule in policy.organisation:
        found = _unknown(rule, "the facts are too large") if too_large else _asked(rule, values)
        if found is not None:
            yield found


def _asked(rule: OrganisationRule, values: dict[str, Any]) -> Finding | None:
    try:
        value = compiled(rule.expression).eval(data=values)
        kind, plain = value.type().name(), value.value()
    except (BadExpression, CelMissing) as error:
        return _unknown(rule, str(error))
    except Exception as error:  # noqa: BLE001  # whatever the library raises, nobody knows the rule's answer
        return _unknown(rule, str(error))
    if kind == "BOOL":
        return None if plain is True else _denied(rule)
    return _unknown(rule, str(plain) if kind == "ERROR" else f"it gives {kind}, not true or false")


def _denied(rule: OrganisationRule) -> Finding:
    return Finding(rule=f"{ORGANISATION}{rule.name}", severity="error", message=rule.message)


def _unknown(rule: OrganisationRule, why: str) -> Finding:
    message = f"{rule.message} (the rule has no answer: {' '.join(why.split())[:_TOLD_COLUMNS]})"
    return Finding(rule=f"{ORGANISATION}{rule.name}", severity="incomplete", message=message)

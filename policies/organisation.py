"""Rules of an organisation, applied: they are asked last, and can only deny.

A rule is asked where everything else would let the candidate through, waivers included, so nothing that it says can
widen a policy, and no waiver gets past it. Only the boolean true lets through. False is a finding of the rule, with the
words that its author chose; whatever else comes out (a value that is no boolean, a field that is not there, an error,
too many iterations) says nothing about the candidate, and denies as missing evidence does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from policies.organisation_rules import BadExpression, CelMissing, OrganisationRule, compiled
from policies.policy import Policy, Tier
from policies.rules import ORGANISATION
from policies.verdict import Finding, Verdict
from runners.evidence import CandidateFacts, Evidence
from runners.record import Record

FACTS_CAP_BYTES: Final = 8 << 20
_TOLD_COLUMNS: Final = 200


class BuiltInVerdict(Record):
    """What the built-in rules say.

    Attributes:
        tier: What the candidate has earned by them.
        findings: Only 'capped' and 'waived' ones can be among them, as all others deny.
    """

    tier: Tier
    findings: tuple[Finding, ...]


class PolicyFacts(Record):
    """Which policy judges.

    Attributes:
        name: The policy's name.
        digest: SHA-256 of it as it was resolved.
    """

    name: str
    digest: str


class Facts(Record):
    """What a rule's expression can name: plain JSON values, as in the files of a run folder.

    NaN and infinities are text there, so that comparing one with a number is an error, which denies.

    Attributes:
        candidate: Which candidate it is.
        evidence: All that was measured about it.
        verdict: What the built-in rules say of that.
        policy: The policy that judges.
    """

    schema_version: Literal[1] = 1
    candidate: CandidateFacts
    evidence: Evidence
    verdict: BuiltInVerdict
    policy: PolicyFacts


def with_organisation(verdict: Verdict, evidence: Evidence, policy: Policy) -> Verdict:
    """Returns the verdict once the organisation's rules were asked; one that denies already stays as it is."""
    if not policy.organisation or not verdict.allowed:
        return verdict
    found = tuple(_findings(verdict, evidence, policy))
    if not found:
        return verdict
    # What waivers let through is rejected still; nothing that has no answer makes it better.
    worse = Tier.REJECTED if any(finding.severity == "error" for finding in found) else Tier.INCONCLUSIVE
    tier = Tier.REJECTED if verdict.tier is Tier.REJECTED else worse
    return verdict.model_copy(update={"tier": tier, "allowed": False, "findings": (*verdict.findings, *found)})


def _findings(verdict: Verdict, evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    facts = Facts(
        candidate=evidence.candidate,
        evidence=evidence,
        verdict=BuiltInVerdict(tier=verdict.tier, findings=verdict.findings),
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

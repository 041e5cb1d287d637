"""How a candidate stands, in one word for all reports, and what is said about it. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from pipeline.gate.judged import Judged
from policies.policy import Tier
from policies.verdict import Finding


class Standing(IntEnum):
    """What a reader has to know first, the worst first."""

    DENIED = 0
    INCOMPLETE = 1
    WAIVED = 2
    ALLOWED = 3


def standing_of(judged: Judged) -> Standing:
    """Returns how the candidate stands under its policy."""
    verdict = judged.verdict
    if verdict.allowed:
        return Standing.WAIVED if verdict.is_waived else Standing.ALLOWED
    return Standing.INCOMPLETE if verdict.tier is Tier.INCONCLUSIVE else Standing.DENIED


def by_standing(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    """Returns them with the denied ones first, otherwise in their order."""
    return tuple(sorted(judged, key=standing_of))


def verdict_in_words(judged: Judged) -> str:
    """The tier, and whether waivers let the candidate through in spite of it."""
    tier = judged.verdict.tier.value
    return f"{tier} (waived)" if judged.verdict.is_waived else tier


def finding_in_words(finding: Finding) -> str:
    """The finding's message, and the waiver that takes the force of it."""
    if finding.waiver is None:
        return finding.message
    return f"{finding.message} (waived until {finding.waiver.expires}: {finding.waiver.reason})"


def stopping(judged: Judged) -> tuple[Finding, ...]:
    """The findings for which a candidate is not let through; of an allowed one, none."""
    verdict = judged.verdict
    if verdict.allowed:
        return ()
    found = tuple(one for one in verdict.findings if one.severity in ("error", "incomplete"))
    return found or tuple(one for one in verdict.findings if one.severity == "capped")


def denied_by_tier_alone(judged: Judged) -> str:
    """Says why a candidate is denied against which nothing was found."""
    return f"the policy '{judged.verdict.policy}' does not let the tier '{judged.verdict.tier.value}' through"

"""A verdict: evidence judged by a policy. Recomputable from stored evidence, without running anything."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from policies.policy import Tier
from policies.rules import Rule, rule_of
from policies.waivers import DatedWaivers, Waiver
from runners.cases import Case
from sandbox.printable import printable

Severity = Literal["error", "incomplete", "capped", "waived"]


def _known(rule: str) -> str:
    if rule_of(rule) is None:
        raise ValueError(f"'{rule}' is not a rule")
    return rule


class Finding(BaseModel):
    """One thing that stands against the candidate (`error`), or that could not be measured (`incomplete`).

    `capped` says why the candidate can be functional and no more; `waived` is an error that `waiver` lets stand.

    Its message quotes what a candidate's author wrote, so it holds nothing that a terminal would obey.

    Attributes:
        rule: Id of the rule that speaks.
        severity: What it means for the tier.
        message: What was found, for a person.
        case: The smallest failing case; None where it is not about one.
        waiver: The waiver that lets it stand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Annotated[str, AfterValidator(_known)]
    severity: Severity
    message: Annotated[str, AfterValidator(printable)]
    line: int | None = None
    case: Case | None = None
    waiver: Waiver | None = None

    @model_validator(mode="after")
    def _waived_by_a_waiver(self) -> Finding:
        if (self.severity == "waived") != (self.waiver is not None):
            raise ValueError("what is waived has its waiver, and nothing else has one")
        return self

    @property
    def about(self) -> Rule:
        """The rule's title and remedy."""
        rule = rule_of(self.rule)
        assert rule is not None  # it was looked up when the finding was made
        return rule


class Verdict(BaseModel):
    """What the policy says of the evidence.

    Attributes:
        tier: What the candidate has earned.
        allowed: Whether the tier is one that the policy lets through, or all that denies the candidate is waived.
        policy: Name of the policy.
        policy_digest: SHA-256 of the policy as it was resolved.
        evidence_digest: SHA-256 of the evidence file's bytes.
        findings: What stands against the candidate; the deciding one first.
        waivers: Those that name this candidate and the day they were looked at; None where there were none. With them
            the same verdict can be computed again on any day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    tier: Tier
    allowed: bool
    policy: str
    policy_digest: str
    evidence_digest: str
    findings: tuple[Finding, ...]
    waivers: DatedWaivers | None = None

    @property
    def is_waived(self) -> bool:
        """Whether only waivers let the candidate through: its tier would not."""
        return self.allowed and self.tier is Tier.REJECTED

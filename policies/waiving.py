"""What waivers do to a verdict. Pure: a verdict, waivers and a day in, a verdict out.

A waiver changes whether a candidate is let through, never its tier. The tier is what evidence has earned: measuring
ends at the first failure, so behind a waived one nobody knows whether the kernel is right, and `functional` would say
so. Whoever promotes by tier therefore never takes a waived candidate for one that was proven. For the same reason
waivers have no force under a policy that lets only `production-safe` through.

A candidate is let through by waivers where each error against it is waived and nothing that its policy requires is
missing. A waiver that has expired leaves the error standing, and is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.policy import Policy, Tier
from policies.verdict import Finding, Verdict
from policies.waivers import EXPIRED, DatedWaivers, Waiver


def with_waivers(verdict: Verdict, digest: str, policy: Policy, waivers: DatedWaivers) -> Verdict:
    """Returns the verdict on the candidate with this digest once `waivers` are held against its findings."""
    own = waivers.of(digest)
    if not own.waivers or not takes_waivers(policy):
        return verdict
    judged = [_waived(finding, own) for finding in verdict.findings]
    waived = [finding for finding in judged if finding.severity == "waived"]
    standing = [finding for finding in judged if finding.severity != "waived"]
    stopped = any(finding.severity in ("error", "incomplete") for finding in standing)
    findings = (*standing, *_expired(standing, own), *waived)  # what stops it is read first
    allowed = verdict.allowed or (bool(waived) and not stopped)
    return verdict.model_copy(update={"allowed": allowed, "findings": findings, "waivers": own})


def takes_waivers(policy: Policy) -> bool:
    """Whether waivers have any force under `policy`."""
    return Tier.FUNCTIONAL in policy.allows


@dataclass(frozen=True, slots=True)
class Uses:
    """What became of the waivers in one run.

    Attributes:
        absent: They name a candidate that was not verified in this run.
        idle: Their candidate was verified, and has no such finding.
    """

    applied: tuple[Waiver, ...]
    expired: tuple[Waiver, ...]
    idle: tuple[Waiver, ...]
    absent: tuple[Waiver, ...]


def uses_of(waivers: DatedWaivers, verdicts: Sequence[tuple[str, Verdict]]) -> Uses:
    """Sorts the waivers by what they did to `verdicts`, each with its candidate's digest."""
    errors = {(digest, one.rule) for digest, verdict in verdicts for one in verdict.findings if _is_error(one)}
    digests = {digest for digest, _ in verdicts}
    met = [one for one in waivers.waivers if (one.digest, one.rule) in errors]
    return Uses(
        applied=tuple(one for one in met if waivers.holds(one)),
        expired=tuple(one for one in met if not waivers.holds(one)),
        idle=tuple(one for one in waivers.waivers if one.digest in digests and one not in met),
        absent=tuple(one for one in waivers.waivers if one.digest not in digests),
    )


def _is_error(finding: Finding) -> bool:
    return finding.severity in ("error", "waived")


def _waived(finding: Finding, own: DatedWaivers) -> Finding:
    waiver = own.about(finding.rule)
    if finding.severity != "error" or waiver is None or not own.holds(waiver):
        return finding
    return Finding(
        rule=finding.rule, severity="waived", message=finding.message, line=finding.line, case=finding.case,
        waiver=waiver,
    )  # fmt: skip


def _expired(findings: Sequence[Finding], own: DatedWaivers) -> Iterator[Finding]:
    errors = {finding.rule for finding in findings if finding.severity == "error"}
    for waiver in own.waivers:
        if waiver.rule in errors and not own.holds(waiver):
            message = f"the waiver of {waiver.rule} expired on {waiver.expires}; its reason was: {waiver.reason}"
            yield Finding(rule=EXPIRED, severity="error", message=message)

"""What a policy makes of where a candidate's text comes from.

A comparison with another set than the policy's is none: it is missing. A finding names the reference, its licence and
the lines on both sides, and quotes nothing of the reference: findings are shown to authors, who shall not learn from
them what they were not to copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from policies.origin_rules import OriginRules
from policies.verdict import Finding
from runners.evidence import Missing
from runners.origin.evidence import (
    ComparisonEvidence,
    Licence,
    LicenceExpression,
    MatchedFile,
    MatchedLines,
    NoLicence,
    NotAnExpression,
    OriginEvidence,
)
from runners.origin.licences import covers

RANGES_TOLD: Final = 4


def findings_of(origin: OriginEvidence | Missing, rules: OriginRules) -> Iterator[Finding]:
    """Yields what stands against the text's origin, or is missing where the policy requires it."""
    match origin:
        case Missing(reason=reason) if rules.required or rules.candidate_licences is not None:
            yield _missing(reason)
        case OriginEvidence():
            yield from _declared(origin.licence, rules)
            yield from _compared(origin.comparison, rules)


def _missing(reason: str) -> Finding:
    return Finding(rule="evidence/origin-missing", severity="incomplete", message=reason)


def _declared(licence: Licence, rules: OriginRules) -> Iterator[Finding]:
    allowed = rules.candidate_licences
    if allowed is None or covers(allowed, licence):
        return
    due = f"the policy allows {', '.join(allowed) or 'none'}"
    match licence:
        case NoLicence():
            yield _error("origin/no-licence", f"no comment says 'SPDX-License-Identifier: …'; {due}")
        case NotAnExpression(text=text):
            yield _error("origin/not-an-expression", f"'{text}' is not an SPDX expression; {due}")
        case LicenceExpression(expression=expression):
            yield _error("origin/candidate-licence", f"it declares {expression}; {due}")


def _compared(comparison: ComparisonEvidence | Missing, rules: OriginRules) -> Iterator[Finding]:
    if rules.references is None:
        return
    if isinstance(comparison, ComparisonEvidence) and comparison.references_digest == rules.references.digest:
        yield from _copied(comparison, rules)
    elif rules.required:
        another = "it was compared with another set of references than the policy's"
        yield _missing(comparison.reason if isinstance(comparison, Missing) else another)


def _copied(comparison: ComparisonEvidence, rules: OriginRules) -> Iterator[Finding]:
    """At most one finding of each kind: what was copied from one file is often like others of its set."""
    counted = [file for file in comparison.files if file.fingerprints >= rules.least_fingerprints]
    copies = [file for file in counted if file.share > rules.max_share]
    if copies:
        yield _about("origin/copied", copies, comparison, f"{rules.max_share:.0%} may")
    allowed = rules.reference_licences
    if allowed is None:
        return
    foreign = [file for file in counted if file.share > rules.licence_share and not covers(allowed, file.licence)]
    if foreign:
        yield _about("origin/reference-licence", foreign, comparison, f"the policy allows {', '.join(allowed)}")


def _about(rule: str, files: Sequence[MatchedFile], comparison: ComparisonEvidence, allowed: str) -> Finding:
    first = files[0]
    told = sorted(first.lines, key=lambda one: one.first - one.last)[:RANGES_TOLD]
    ranges = ", ".join(f"lines {_span(one)}" for one in sorted(told, key=lambda one: one.first))
    more = f"; {len(files) - 1} more files like it" if len(files) > 1 else ""
    message = (
        f"{first.share:.0%} of its own ({first.fingerprints} of {comparison.fingerprints} fingerprints) stands in the "
        f"reference {first.path}, {_licensed(first.licence)}, and {allowed}: {ranges}{more}"
    )
    return _error(rule, message, min((one.first for one in told), default=None))


def _span(one: MatchedLines) -> str:
    return f"{one.first}-{one.last} (there {one.there_first}-{one.there_last})"


def _licensed(licence: Licence) -> str:
    match licence:
        case NoLicence():
            return "which declares no licence"
        case NotAnExpression(text=text):
            return f"which declares '{text}', no SPDX expression"
        case LicenceExpression(expression=expression):
            return f"under {expression}"


def _error(rule: str, message: str, line: int | None = None) -> Finding:
    return Finding(rule=rule, severity="error", message=message, line=line)

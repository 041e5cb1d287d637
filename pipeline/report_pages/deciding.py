"""Which finding a reader hears first: what is wrong, before what is missing."""

from __future__ import annotations

from typing import Final

from pipeline.gate.judged import Judged
from pipeline.reports.standing import stopping
from policies.verdict import Finding, Severity

_FIRST: Final[tuple[Severity, ...]] = ("error", "incomplete", "capped", "waived")


def first_finding(judged: Judged) -> Finding | None:
    """Returns the finding that says why; None where nothing was found."""
    found = stopping(judged) or judged.verdict.findings
    return min(found, key=lambda finding: _FIRST.index(finding.severity), default=None)

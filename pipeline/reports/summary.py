"""A run in Markdown, for a job's summary: the verdicts, the denied ones first, and what to do about each.

Text of others (paths, messages) stands in code spans, where Markdown has no links, images, HTML or mentions; a span
is fenced by more backticks than the text has in a row. A table's cell ends at a bar whatever it stands in, so a bar
within such text is written '∣' (U+2223). Services cut a summary at a mebibyte: at most so many candidates are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.gate.judged import Judged
from pipeline.reports.places import Places
from pipeline.reports.standing import (
    Standing,
    by_standing,
    denied_by_tier_alone,
    finding_in_words,
    standing_of,
    stopping,
    verdict_in_words,
)
from pipeline.runs.finished import Run
from pipeline.runs.folder import case_of
from policies.verdict import Finding
from sandbox.printable import printable

ROWS: Final = 200
TOLD: Final = 40  # candidates whose findings are told one by one
FINDINGS: Final = 10  # of one candidate
SPAN_CAP: Final = 600  # characters
_MARKS: Final = {
    Standing.DENIED: "❌ denied", Standing.INCOMPLETE: "⚠️ incomplete", Standing.WAIVED: "⏳ waived",
    Standing.ALLOWED: "✅ allowed",
}  # fmt: skip


def summary_of(run: Run, places: Places) -> str:
    """Returns the run as Markdown, to be appended to what is there."""
    return "\n".join(_lines(run, places)) + "\n"


def _lines(run: Run, places: Places) -> Iterator[str]:
    entries = by_standing(run.judged)
    yield f"## kernelgate: {_headline(run)}"
    yield ""
    yield f"Policy {_span(run.policy.name)}, run {_span(run.id)}."
    yield ""
    if entries:
        yield "| | candidate | operator | verdict | first finding |"
        yield "|---|---|---|---|---|"
        yield from (_row(entry, places) for entry in entries[:ROWS])
        yield ""
    if len(entries) > ROWS:
        yield f"{len(entries) - ROWS} more are not shown."
        yield ""
    told = [entry for entry in entries if standing_of(entry) is not Standing.ALLOWED][:TOLD]
    for entry in told:
        yield from _section(run, entry, places)


def _headline(run: Run) -> str:
    if not run.judged:
        return "nothing to verify"
    standings = [standing_of(entry) for entry in run.judged]
    names = {Standing.DENIED: "denied", Standing.INCOMPLETE: "incomplete", Standing.WAIVED: "waived",
             Standing.ALLOWED: "allowed"}  # fmt: skip
    return ", ".join(f"{standings.count(one)} {names[one]}" for one in Standing if one in standings)


def _row(entry: Judged, places: Places) -> str:
    facts = entry.evidence.candidate
    first = next(iter(stopping(entry) or entry.verdict.findings), None)
    said = "" if first is None else f"{_span(first.rule)}{_at(first)} {first.about.title}"
    operator = "" if facts.operator is None else _span(facts.operator)
    cells = (_MARKS[standing_of(entry)], _span(places.shown(facts.path)), operator, verdict_in_words(entry), said)
    return f"| {' | '.join(cells)} |"


def _section(run: Run, entry: Judged, places: Places) -> Iterator[str]:
    findings = stopping(entry) or entry.verdict.findings
    yield f"### {_MARKS[standing_of(entry)]}: {_span(places.shown(entry.evidence.candidate.path))}"
    yield ""
    if not findings:
        yield f"- {_span(denied_by_tier_alone(entry))}"
    for finding in findings[:FINDINGS]:
        yield f"- {_span(finding.rule)}{_at(finding)}: {_span(finding_in_words(finding))}"
        yield f"  - what to do: {_span(finding.about.remedy)}; more: {_span(f'kernelgate rules {finding.rule}')}"
    if len(findings) > FINDINGS:
        yield f"- and {len(findings) - FINDINGS} more"
    case = case_of(entry)
    if case is not None:
        yield f"- replay: {_span(f'kernelgate replay {run.id} {case.id}')}"
    yield ""


def _at(finding: Finding) -> str:
    return "" if finding.line is None else f" line {finding.line}"


def _span(text: str) -> str:
    """Text as a code span that ends where the text does."""
    plain = printable(text).replace("|", "\N{DIVIDES}")
    shown = plain if len(plain) <= SPAN_CAP else plain[:SPAN_CAP] + "…"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if not shown or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"

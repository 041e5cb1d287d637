"""The source, with findings on its lines.

Lines are counted as Python counts them: a form feed, or a separator of Unicode, ends none. A file of the largest size
can be one line, or a quarter of a million of them: so long lines are cut, and of long files only what is near a finding
is shown, with the beginning. What is left out is said where it would stand.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.report_pages.tone import OF_SEVERITY, SEVERITY_WORDS, Tone
from pipeline.report_pages.verdict_view import anchor_of
from pipeline.report_pages.visible import cut, visible
from policies.verdict import Finding
from runners.evidence import Evidence, Missing

BUDGET_BYTES: Final = 700_000
LINE_COLUMNS: Final = 2000
NOTES: Final = 300
NOTE_COLUMNS: Final = 300
AROUND: Final = 12
_ENDS: Final = re.compile(r"\r\n|\r|\n")
_LINE_BYTES: Final = 50  # what a line costs besides its text


@dataclass(frozen=True, slots=True)
class Note:
    """What is said about a line; `target` is where the page says more."""

    tone: Tone
    word: str
    about: str
    target: str
    message: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line; `gap` says which ones before it are not shown."""

    number: int
    text: str
    gap: str
    tone: Tone
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class SourceView:
    """The file.

    Attributes:
        rest: Which lines at the end are not shown; empty where all are.
        is_text: Whether it is UTF-8; otherwise its bytes are shown as far as they can be.
    """

    lines: tuple[SourceLine, ...]
    total: int
    source_bytes: int
    rest: str
    is_text: bool


def source_view(source: bytes, findings: Sequence[Finding], evidence: Evidence) -> SourceView:
    """Returns the file as it is shown."""
    texts = _ENDS.split(source.decode("utf-8", "replace").removeprefix("\ufeff"))
    if texts and not texts[-1]:
        texts.pop()
    notes = _notes(findings, evidence, len(texts))
    kept = _kept(texts, notes)
    lines = tuple(_lines(texts, kept, notes))
    last = kept[-1] + 1 if kept else 0
    return SourceView(lines, len(texts), len(source), _left_out(last, len(texts)), _is_text(source))


def _is_text(source: bytes) -> bool:
    try:
        source.decode()
    except UnicodeDecodeError:
        return False
    return True


def _notes(findings: Sequence[Finding], evidence: Evidence, total: int) -> Mapping[int, list[Note]]:
    notes: dict[int, list[Note]] = {}
    for number, note in (*_of_findings(findings), *_of_survivors(evidence)):
        if 1 <= number <= total and sum(map(len, notes.values())) < NOTES:
            notes.setdefault(number, []).append(note)
    return notes


def _of_findings(findings: Sequence[Finding]) -> Iterator[tuple[int, Note]]:
    for finding in findings:
        if finding.line is not None:
            severity = finding.severity
            message = cut(finding.message, NOTE_COLUMNS)
            word = SEVERITY_WORDS[severity]
            yield finding.line, Note(OF_SEVERITY[severity], word, finding.rule, anchor_of(finding.rule), message)


def _of_survivors(evidence: Evidence) -> Iterator[tuple[int, Note]]:
    if isinstance(evidence.mutants, Missing):
        return
    for mutant in evidence.mutants.survivors:
        message = "a change of this line passed the whole test"
        yield mutant.line, Note("none", "mutant", cut(mutant.id, 80), "mutants", message)


def _kept(texts: Sequence[str], notes: Mapping[int, list[Note]]) -> list[int]:
    """Numbers of lines that are shown, counted from 0: all, or as many as there is room for, the important first."""
    costs = [_LINE_BYTES + len(html.escape(visible(cut(text, LINE_COLUMNS))).encode()) for text in texts]
    if sum(costs) <= BUDGET_BYTES:
        return list(range(len(texts)))
    near = [line for number in notes for line in range(number - 1 - AROUND, number + AROUND)]
    wanted = dict.fromkeys([*(number - 1 for number in notes), *near, *range(len(texts))])
    kept, spent = [], 0
    for line in wanted:
        if 0 <= line < len(texts):
            spent += costs[line]
            if spent > BUDGET_BYTES:
                break
            kept.append(line)
    return sorted(kept)


def _lines(texts: Sequence[str], kept: Sequence[int], notes: Mapping[int, list[Note]]) -> Iterator[SourceLine]:
    before = 0
    for line in kept:
        own = tuple(notes.get(line + 1, ()))
        tone = own[0].tone if own else "none"
        yield SourceLine(line + 1, cut(texts[line], LINE_COLUMNS), _left_out(before, line), tone, own)
        before = line + 1


def _left_out(start: int, end: int) -> str:
    """Names the lines from `start` up to `end`, counted from 0, as a reader counts them."""
    if start >= end:
        return ""
    return f"line {end} is in candidate.py" if end - start == 1 else f"lines {start + 1} to {end} are in candidate.py"

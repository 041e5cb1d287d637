"""A run as workflow commands of GitHub Actions: annotations on the lines of a pull request.

The runner takes commands from any line that a step prints, so they go to a file of their own, which the workflow prints
when nothing else is printing. That keeps them apart from JSON on stdout, and lets action.yml switch commands off
(`::stop-commands::`) while the gate runs: what a candidate's author wrote is in the gate's output, too.

A value is escaped as the runner's toolkit does it (`%`, CR, LF; in a property `:` and `,` besides), so it can end
neither its line nor its property. The runner shows ten annotations of each level of a step: denied candidates come
first.
"""

from __future__ import annotations

from typing import Final

from pipeline.gate.judged import Judged
from pipeline.reports.places import Places
from pipeline.reports.standing import by_standing, denied_by_tier_alone, finding_in_words, stopping
from pipeline.runs.finished import Run
from policies.verdict import Finding

_LEVELS: Final = {"error": "error", "incomplete": "warning", "capped": "notice", "waived": "notice"}
_DATA: Final = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))  # the first must come first
_PROPERTY: Final = (*_DATA, (":", "%3A"), (",", "%2C"))


def annotations_of(run: Run, places: Places) -> str:
    """Returns a line for each finding."""
    return "".join(line for entry in by_standing(run.judged) for line in _lines(entry, places))


def _lines(entry: Judged, places: Places) -> list[str]:
    path = places.shown(entry.evidence.candidate.path)
    lines = [_annotation(entry, finding, path) for finding in entry.verdict.findings]
    if not entry.verdict.allowed and not stopping(entry):
        lines.append(_command("error", path, 1, "kernelgate", denied_by_tier_alone(entry)))
    return lines


def _annotation(entry: Judged, finding: Finding, path: str) -> str:
    is_why = finding.severity == "capped" and finding in stopping(entry)
    level = "error" if is_why else _LEVELS[finding.severity]
    message = f"{finding.about.title}: {finding_in_words(finding)}. {finding.about.remedy}"
    return _command(level, path, max(finding.line or 1, 1), finding.rule, message)


def _command(level: str, path: str, line: int, title: str, message: str) -> str:
    properties = f"file={_escaped(path, _PROPERTY)},line={line},title={_escaped(title, _PROPERTY)}"
    return f"::{level} {properties}::{_escaped(message, _DATA)}\n"


def _escaped(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for char, code in pairs:
        text = text.replace(char, code)
    return text

"""A run as JUnit XML, as CI servers read it: one test case a candidate.

A denied candidate is a `failure`, one of which something required could not be measured an `error`, and one that
waivers let through is `skipped`, with the reason: it was not shown to be right. Each has one such element, because most
readers take the first alone: its message is the first finding, its text has all of them. The time of a test case is
what its checks took, in seconds.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Final

from pipeline.gate.judged import Judged
from pipeline.reports.places import Places
from pipeline.reports.standing import Standing, denied_by_tier_alone, finding_in_words, standing_of, stopping
from pipeline.runs.finished import Run
from policies.verdict import Finding

_ELEMENTS: Final = {Standing.DENIED: "failure", Standing.INCOMPLETE: "error", Standing.WAIVED: "skipped"}


def junit_of(run: Run, places: Places) -> str:
    """Returns the run as one test suite."""
    standings = [standing_of(entry) for entry in run.judged]
    counts = {
        "tests": str(len(standings)),
        "failures": str(standings.count(Standing.DENIED)),
        "errors": str(standings.count(Standing.INCOMPLETE)),
        "skipped": str(standings.count(Standing.WAIVED)),
        "time": f"{sum(entry.wall_s for entry in run.judged):.3f}",
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": f"kernelgate {run.policy.name}", **counts})
    for entry in run.judged:
        _add(suite, entry, places)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _add(suite: ET.Element, entry: Judged, places: Places) -> None:
    facts = entry.evidence.candidate
    path = _fit(places.shown(facts.path))
    case = ET.SubElement(
        suite,
        "testcase",
        {"classname": _fit(facts.operator or "unknown"), "name": path, "file": path, "time": f"{entry.wall_s:.3f}"},
    )
    standing = standing_of(entry)
    if standing is Standing.ALLOWED:
        return
    told = entry.verdict.findings if standing is Standing.WAIVED else stopping(entry)
    first = f"{told[0].rule}: {finding_in_words(told[0])}" if told else denied_by_tier_alone(entry)
    attributes = {"message": _fit(first), "type": told[0].rule if told else entry.verdict.tier.value}
    outcome = ET.SubElement(case, _ELEMENTS[standing], attributes)
    outcome.text = _fit("\n".join(_line(finding) for finding in told))


def _line(finding: Finding) -> str:
    where = f" (line {finding.line})" if finding.line is not None else ""
    return f"{finding.rule}{where}: {finding_in_words(finding)}\n  what to do: {finding.about.remedy}"


def _fit(text: str) -> str:
    """Drops what XML 1.0 (§2.2) has no place for: control characters, surrogates, U+FFFE and U+FFFF."""
    return "".join(char for char in text if char in "\t\n\r" or _is_xml(ord(char)))


def _is_xml(code: int) -> bool:
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000

"""A run as SARIF 2.1.0 (OASIS): what code scanning services and editors show on the line.

Every rule stands in the log, whether it was broken or not: ids and their order are those of `policies/rules.py`, so a
service knows the rule of an old alert. A result of severity `error` has level `error`, what could not be measured
`warning`, what keeps a candidate from a higher tier `note`; where that denies, it is an `error`, too. What a waiver
covers keeps its level and has a suppression with the waiver's reason.

`kernelgateFinding/v1` in `partialFingerprints` tells services that two results are the same one. It is

    SHA-256(JSON [rule, uri, text of the line without its spaces, n])

where n counts results that agree in all of this, from 0. It has neither line numbers nor messages: lines move, and the
message of a failed case names numbers that were drawn. So a finding stays the same one while its line does; without a
line it is the file's. `primaryLocationLineHash` is left to the uploader, which computes its own.

Text that a candidate's author chose can't make a link or a placeholder of a message (SARIF §3.11.5, §3.11.6). A path is
a URI relative to the repository (`SRCROOT`), escaped; whose machine it was is not said.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final, NamedTuple

from pipeline.exit_codes import ALLOWED, DENIED
from pipeline.gate.judged import Judged
from pipeline.reports.places import Places
from pipeline.reports.standing import denied_by_tier_alone, finding_in_words, stopping
from pipeline.runs.finished import Run
from policies.rules import RULES, Rule
from policies.verdict import Finding
from policies.waivers import is_waivable

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT: Final = "kernelgateFinding/v1"
BASE: Final = "SRCROOT"
_LEVELS: Final = {"error": "error", "waived": "error", "incomplete": "warning", "capped": "note"}


def sarif_of(run: Run, places: Places) -> str:
    """Returns the run as a SARIF log; the same run always gives the same text."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(run, places)]}
    return json.dumps(log, indent=2) + "\n"


def _run(run: Run, places: Places) -> dict[str, Any]:
    rules, artifacts = _rules_of(run), _artifacts(run, places)
    return {
        "tool": {
            "driver": {
                "name": "kernelgate",
                "semanticVersion": version("kernelgate"),
                "rules": [*map(_rule, rules)],
            }
        },
        "automationDetails": {"id": f"kernelgate/{run.policy.name}/{run.id}"},
        "invocations": [_invocation(run)],
        "originalUriBaseIds": {BASE: {"description": {"text": "The top folder of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "artifacts": list(artifacts.values()),
        "results": list(_results(run, places, [rule.id for rule in rules], list(artifacts))),
        "properties": {"policy": run.policy.name, "policyDigest": run.policy.digest},
    }


def _artifacts(run: Run, places: Places) -> dict[str, dict[str, Any]]:
    """By URI: two ways of writing a path may name one file, and artifacts are unique."""
    return {places.uri(entry.evidence.candidate.path): _artifact(entry, places) for entry in run.judged}


def _rules_of(run: Run) -> tuple[Rule, ...]:
    """All that there are, and those of findings besides."""
    found = {one.rule: one.about for entry in run.judged for one in entry.verdict.findings}
    return tuple((dict(RULES) | found).values())


def _results(run: Run, places: Places, rules: list[str], uris: list[str]) -> Iterator[dict[str, Any]]:
    seen: Counter[_Identity] = Counter()
    rule_index = {rule: number for number, rule in enumerate(rules)}
    for entry in run.judged:
        uri = places.uri(entry.evidence.candidate.path)
        lines = entry.source.decode("utf-8", "replace").splitlines()
        for finding in entry.verdict.findings:
            same = _Identity(finding.rule, uri, _text_of(finding.line, lines))
            result = _result(run, entry, finding, rule_index[finding.rule])
            result["locations"] = [_where(entry, finding, places, uris.index(uri))]
            result["partialFingerprints"] = {FINGERPRINT: _fingerprint(same, seen[same])}
            seen[same] += 1
            yield result


def _rule(rule: Rule) -> dict[str, Any]:
    family = rule.id.partition("/")[0]
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in re.split(r"[/-]", rule.id)),
        "shortDescription": {"text": _literal(rule.title + ".")},
        "fullDescription": {"text": _literal(f"{rule.title}. {rule.remedy}")},
        "help": {
            "text": _literal(f"{rule.remedy} Why: {rule.why} More: {rule.page}, or 'kernelgate rules {rule.id}'.")
        },
        "defaultConfiguration": {"level": "warning" if family in ("evidence", "isolation") else "error"},
        "properties": {"tags": ["gpu-kernels", family], "waivable": is_waivable(rule.id), "page": rule.page},
    }


def _invocation(run: Run) -> dict[str, Any]:
    return {"executionSuccessful": run.exit_code in (ALLOWED, DENIED), "exitCode": run.exit_code}


def _artifact(entry: Judged, places: Places) -> dict[str, Any]:
    facts, verdict = entry.evidence.candidate, entry.verdict
    return {
        "location": _location(facts.path, places),
        "roles": ["analysisTarget"],
        "hashes": {"sha-256": facts.digest},
        "properties": {"operator": facts.operator, "tier": verdict.tier.value, "allowed": verdict.allowed}
        | ({} if verdict.allowed or stopping(entry) else {"denied": denied_by_tier_alone(entry)}),
    }


def _location(path: str, places: Places) -> dict[str, Any]:
    return {"uri": places.uri(path)} | ({"uriBaseId": BASE} if places.is_inside(path) else {})


def _result(run: Run, entry: Judged, finding: Finding, rule: int) -> dict[str, Any]:
    about, waiver = finding.about, finding.waiver
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _level(entry, finding),
        "message": {"text": _literal(f"{about.title}: {finding_in_words(finding)}. {about.remedy}")},
        "properties": {"severity": finding.severity, "tier": entry.verdict.tier.value},
    }
    if finding.case is not None:
        result["properties"]["replay"] = f"kernelgate replay {run.id} {finding.case.id}"
    if waiver is not None:
        until = f"{waiver.reason} (until {waiver.expires})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": until}]
    return result


def _where(entry: Judged, finding: Finding, places: Places, artifact: int) -> dict[str, Any]:
    location = _location(entry.evidence.candidate.path, places) | {"index": artifact}
    # A finding on the whole file stands on its first line: services show none without a line.
    return {"physicalLocation": {"artifactLocation": location, "region": {"startLine": max(finding.line or 1, 1)}}}


def _level(entry: Judged, finding: Finding) -> str:
    is_why = finding.severity == "capped" and finding in stopping(entry)
    return "error" if is_why else _LEVELS[finding.severity]


class _Identity(NamedTuple):
    rule: str
    uri: str
    line: str


def _text_of(line: int | None, lines: Sequence[str]) -> str:
    return "".join(lines[line - 1].split()) if line is not None and 0 < line <= len(lines) else ""


def _fingerprint(identity: _Identity, number: int) -> str:
    return hashlib.sha256(json.dumps([*identity, number]).encode()).hexdigest()


def _literal(text: str) -> str:
    """A message in which nothing is a placeholder or a link."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")

"""How explanations of verdicts look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.console import STYLES
from pipeline.explained import Explained, ExplainedRun
from pipeline.render_judge import change_of
from pipeline.stored_runs import Damaged
from policies.comparing import shown
from policies.explaining import Explanation, Ground
from sandbox.printable import printable


def print_explanations(found: ExplainedRun, console: Console) -> None:
    """Prints each explanation: what decided first, then what counts besides, then what was satisfied."""
    if not found.entries:
        console.print(Text(f"run {found.run.folder.name} was about no candidate: there is no verdict to explain"))
    for number, entry in enumerate(found.entries):
        if number:
            console.print()
        if isinstance(entry, Damaged):
            console.print(
                Text.assemble(("damaged ", "bold red"), f"{printable(entry.name)}: {printable(entry.problem)}")
            )
        else:
            for line in _lines(entry):
                console.print(line)


def explanations_as_json(found: ExplainedRun) -> str:
    """Returns the explanations as a JSON document."""
    document = {
        "schema_version": 1,
        "run": found.run.folder.name,
        "verdicts": [_entry(entry) for entry in found.entries if isinstance(entry, Explained)],
        "damaged": [
            {"folder": entry.name, "problem": entry.problem} for entry in found.entries if isinstance(entry, Damaged)
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _lines(entry: Explained) -> Iterator[Text]:
    why = entry.explanation
    tier = why.verdict.tier
    allowed = "allowed" if why.verdict.allowed else "denied"
    name, path = entry.rejudged.name, printable(entry.rejudged.judged.evidence.candidate.path)
    yield Text.assemble(f"{name} ({path}): ", (tier.value, STYLES[tier]), f", {allowed} by policy {why.policy.name}")
    if entry.rejudged.differs:
        yield Text(f"  other than stored: {change_of(entry.rejudged)}", "yellow")
    yield Text(f"  {_reason(why)}")
    for ground in why.decided:
        yield from _of_ground(ground, "decided")
    for ground in why.besides:
        yield from _of_ground(ground, "besides")
    for one in why.satisfied:
        yield Text.assemble(("  satisfied ", "green"), f"{one.check}: {one.what}", f" [{one.evidence or 'evidence'}]")


def _reason(why: Explanation) -> str:
    allows = f"the policy allows {shown(why.policy.allows)}"
    if not why.verdict.findings:
        return f"no rule has anything against it, and {allows}"
    severity = why.decided[0].finding.severity
    words = {
        "error": "an error rejects",
        "incomplete": "what is missing makes inconclusive",
        "capped": "it is capped",
        "waived": "waivers let stand what rejects it",
    }
    return f"{words[severity]}; {allows}"


def _of_ground(ground: Ground, word: str) -> Iterator[Text]:
    finding = ground.finding
    line = f" (line {finding.line})" if finding.line is not None else ""
    yield Text.assemble((f"  {word} ", "bold"), (finding.rule, "bold"), f"{line}: {finding.message}")
    yield Text(f"    from      {ground.evidence or 'evidence'}: {printable(ground.seen)}")
    if finding.case is not None:
        yield Text(f"    case      {finding.case.id}: {finding.case.describe()}")
    for asked in ground.asked:
        yield Text(f"    asked     {printable(asked)}")
    yield Text(f"    needed    {ground.needed}")
    yield Text(f"    to do     {finding.about.remedy} (kernelgate rules {finding.rule})")


def _entry(entry: Explained) -> dict[str, Any]:
    why = entry.explanation
    return {
        "folder": entry.rejudged.name,
        "path": entry.rejudged.judged.evidence.candidate.path,
        "differs": entry.rejudged.differs,
        "tier": why.verdict.tier.value,
        "allowed": why.verdict.allowed,
        "policy": why.policy.name,
        "decided": [_ground(ground) for ground in why.decided],
        "besides": [_ground(ground) for ground in why.besides],
        "satisfied": [{"check": one.check, "evidence": one.evidence, "what": one.what} for one in why.satisfied],
    }


def _ground(ground: Ground) -> dict[str, Any]:
    finding = ground.finding
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "line": finding.line,
        "case": finding.case.id if finding.case is not None else None,
        "evidence": ground.evidence,
        "seen": ground.seen,
        "asked": list(ground.asked),
        "needed": ground.needed,
        "remedy": finding.about.remedy,
    }

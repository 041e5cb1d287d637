"""How explanations of verdicts look."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from pipeline.rendering.judge import change_of
from pipeline.rendering.verdict_table import STYLES
from pipeline.runs.explained import Explained, ExplainedRun
from pipeline.runs.stored import Damaged
from policies.explaining import Explanation, Ground
from policies.verdict import Finding
from sandbox.printable import printable

_VALUES: Final = 14  # where what stands behind 'from', 'case' and the like begins
_LEAST_ROOM: Final = 20
_SHOWN: Final = 8  # places in the evidence that are named one by one
_SOURCE: Final = "source"


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
            print_explanation(entry, console)


def print_explanation(entry: Explained, console: Console) -> None:
    """Prints one explanation."""
    for text, indent in _paragraphs(entry):
        _print_hanging(text, indent, console)


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


def _print_hanging(text: Text, indent: int, console: Console) -> None:
    """Prints a paragraph whose lines after the first begin at `indent`; a very narrow terminal gets none."""
    room = console.width - indent
    if room < _LEAST_ROOM:
        console.print(text)
        return
    first = text.wrap(console, console.width)[0]
    console.print(first)
    rest = text[len(first.plain) :]
    rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]  # the blank at which the line was broken
    for line in rest.wrap(console, room) if rest.plain else ():
        line.pad_left(indent)
        console.print(line)


def _paragraphs(entry: Explained) -> Iterator[tuple[Text, int]]:
    why = entry.explanation
    tier = why.verdict.tier
    allowed = "allowed" if why.verdict.allowed else "denied"
    name, path = entry.rejudged.name, printable(entry.rejudged.judged.evidence.candidate.path)
    standing = f", {allowed} by policy {why.policy.name}"
    yield Text.assemble(f"{name} ({path}): ", (tier.value, STYLES[tier]), standing), 2
    if entry.rejudged.differs:
        yield Text(f"  other than stored: {change_of(entry.rejudged)}", "yellow"), 4
    yield Text(f"  {_reason(why)}"), 4
    for word, grounds in (("decided", why.decided), ("besides", why.besides)):
        for alike in _grouped(grounds):
            yield from _of_grounds(alike, word)
    for one in why.satisfied:
        yield (
            Text.assemble(("  satisfied ", "green"), f"{one.check}: {one.what}", f" [{one.evidence or 'evidence'}]"),
            4,
        )


def _grouped(grounds: Sequence[Ground]) -> list[list[Ground]]:
    """Grounds in their order; those of one rule on one piece of evidence, or on lines of the source, stand together."""
    groups: dict[tuple[object, ...], list[Ground]] = {}
    for ground in grounds:
        stands_on = (_SOURCE,) if _is_of_source(ground) else (ground.evidence, ground.seen, ground.finding.case)
        key = (ground.finding.rule, *map(str, stands_on), ground.asked, ground.needed)
        groups.setdefault(key, []).append(ground)
    return list(groups.values())


def _is_of_source(ground: Ground) -> bool:
    return ground.evidence.split(".")[0] == _SOURCE


def _reason(why: Explanation) -> str:
    lets = f"policy {why.policy.name} lets through what is {' or '.join(tier.value for tier in why.policy.allows)}"
    if not why.verdict.findings:
        return f"no rule has anything against it; {lets}"
    words = {
        "error": "the candidate is wrong by a rule that rejects",
        "incomplete": "something that the policy requires is missing, so nobody knows",
        "capped": "nothing is wrong, and it can't get a better tier",
        "waived": "a rule rejects it, and a waiver lets it through",
    }
    return f"{words[why.decided[0].finding.severity]}; {lets}"


def _of_grounds(alike: Sequence[Ground], word: str) -> Iterator[tuple[Text, int]]:
    """One paragraph for each finding, and once what all of them stand on."""
    ground = alike[0]
    finding = ground.finding
    if len(alike) == 1:
        yield Text.assemble((f"  {word} ", "bold"), (finding.rule, "bold"), f"{_line(finding)}: {finding.message}"), 4
    else:
        yield Text.assemble((f"  {word} ", "bold"), (finding.rule, "bold"), f", {len(alike)} times:"), 4
        for one in alike:
            yield (
                Text(f"    - {_line(one.finding).lstrip()}{': ' if _line(one.finding) else ''}{one.finding.message}"),
                6,
            )
    if _is_of_source(ground):
        yield (
            Text(f"    from      {', '.join(one.evidence for one in alike[:_SHOWN])}{', …' * (len(alike) > _SHOWN)}"),
            _VALUES,
        )
    else:
        yield Text(f"    from      {ground.evidence or 'evidence'}: {printable(ground.seen)}"), _VALUES
    if finding.case is not None:
        yield Text(f"    case      {finding.case.id}: {finding.case.describe()}"), _VALUES
    for asked in ground.asked:
        yield Text(f"    asked     {printable(asked)}"), _VALUES
    yield Text(f"    needed    {ground.needed}"), _VALUES
    yield Text(f"    to do     {finding.about.remedy} (kernelgate rules {finding.rule})"), _VALUES


def _line(finding: Finding) -> str:
    return f" (line {finding.line})" if finding.line is not None else ""


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

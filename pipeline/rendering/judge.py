"""How verdicts that were made again look: the table of `verify`, and where they differ from the stored ones."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.rendering.verdict_table import summary_line, verdict_table
from pipeline.runs.rejudging import Rejudged, Rejudgement
from policies.verdict import Verdict
from sandbox.printable import printable


def print_rejudgement(made: Rejudgement, console: Console) -> None:
    """Prints the verdicts, what is damaged, and each verdict that is another than the stored one."""
    judged = tuple(entry.judged for entry in made.rejudged)
    if judged:
        console.print(verdict_table(judged))
        console.print()
    for lost in made.damaged:
        console.print(Text.assemble(("damaged ", "bold red"), f"{printable(lost.name)}: {printable(lost.problem)}"))
    own = made.policy.digest == made.run.policy.digest
    by = "the run's own" if own else f"it was measured under {made.run.policy.name}"
    damaged = f", {len(made.damaged)} damaged" if made.damaged else ""
    console.print(Text(f"{summary_line(judged)}{damaged}; policy {made.policy.name} ({by}); {made.run.folder}"))
    for entry in made.rejudged:
        if entry.differs:
            console.print(Text(f"other than stored: {entry.name}: {change_of(entry)}", "yellow"))
    if made.rejudged and not any(entry.differs for entry in made.rejudged):
        console.print(Text("every verdict is the stored one"))


def rejudgement_as_json(made: Rejudgement) -> str:
    """Returns the verdicts as a JSON document."""
    document = {
        "schema_version": 1,
        "run": made.run.folder.name,
        "folder": str(made.run.folder),
        "policy": made.policy.name,
        "policy_digest": made.policy.digest,
        "measured_under": made.run.policy.name,
        "exit_code": made.exit_code,
        "candidates": [_candidate(entry) for entry in made.rejudged],
        "damaged": [{"folder": entry.name, "problem": entry.problem} for entry in made.damaged],
    }
    return json.dumps(document, indent=2) + "\n"


def _candidate(entry: Rejudged) -> dict[str, Any]:
    facts = entry.judged.evidence.candidate
    return {
        "folder": entry.name,
        "path": facts.path,
        "digest": facts.digest,
        "operator": facts.operator,
        "differs": entry.differs,
        "stored": {"tier": entry.before.tier.value, "allowed": entry.before.allowed},
        "verdict": entry.judged.verdict.model_dump(mode="json"),
    }


def change_of(entry: Rejudged) -> str:
    """Says in what a verdict is another one than the stored."""
    before, now = entry.before, entry.judged.verdict
    if before.tier is not now.tier or before.allowed is not now.allowed:
        return f"{_said(before)} before, {_said(now)} now"
    rules = [{finding.rule for finding in verdict.findings} for verdict in (before, now)]
    gone, new = sorted(rules[0] - rules[1]), sorted(rules[1] - rules[0])
    parts = [f"{word} {', '.join(which)}" for word, which in (("without", gone), ("with", new)) if which]
    return " and ".join(parts) or "the same rules, other words"


def _said(verdict: Verdict) -> str:
    return f"{verdict.tier.value} ({'allowed' if verdict.allowed else 'denied'})"

"""How a prune looks: a row for each thing, and one for kept results of the same fate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from pipeline.machine.disk_use import in_words
from pipeline.rendering.fitted_table import FittedTable
from pipeline.retention.contract import Decided, Fate, Kind, Pruned
from sandbox.printable import printable

STYLES = {Fate.GOES: "yellow", Fate.WENT: "yellow", Fate.STAYS: "", Fate.FAILED: "bold red"}


class _Row(NamedTuple):
    what: str
    kind: Kind
    age: str
    size_bytes: int
    fate: Fate
    why: str


def print_pruned(pruned: Pruned, console: Console) -> None:
    """Prints the table and what it came to."""
    now = datetime.now(UTC)
    if pruned.decided:
        table = FittedTable("what", "kind")
        for title in ("age", "size"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("why", overflow="fold")
        for row in _rows(pruned, now):
            fate = Text(fate_in_words(row.fate, dry_run=pruned.dry_run), STYLES[row.fate])
            table.add_row(Text(printable(row.what)), row.kind, row.age, in_words(row.size_bytes), fate,
                          Text(printable(row.why)))  # fmt: skip
        console.print(table)
        console.print()
    console.print(Text(summary(pruned)))


def summary(pruned: Pruned) -> str:
    """Says in one line what went and what is left."""
    gone, left = pruned.size_of(Fate.GOES, Fate.WENT), pruned.size_of(Fate.STAYS, Fate.FAILED)
    count = sum(one.fate in (Fate.GOES, Fate.WENT) for one in pruned.decided)
    said = f"{count} {'would go' if pruned.dry_run else 'went'}, {in_words(gone)}; {in_words(left)} stay"
    failed = sum(one.fate is Fate.FAILED for one in pruned.decided)
    said += f"; {failed} could not be deleted" if failed else ""
    return f"interrupted: {said}" if pruned.interrupted else said


def pruned_as_json(pruned: Pruned) -> str:
    """Returns it as a JSON document, with an entry for each thing."""
    document: dict[str, Any] = {
        "schema_version": 1,
        "dry_run": pruned.dry_run,
        "interrupted": pruned.interrupted,
        "entries": [
            {
                "kind": one.found.kind.value,
                "name": one.found.name,
                "path": str(one.found.path),
                "last_used": one.found.last_used.isoformat(),
                "bytes": one.found.size_bytes,
                "fate": one.fate.value,
                "why": one.why,
            }
            for one in pruned.decided
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _rows(pruned: Pruned, now: datetime) -> Iterator[_Row]:
    results: dict[tuple[Fate, str], list[Decided]] = {}
    for one in pruned.decided:
        found = one.found
        if found.kind is Kind.RESULT:
            results.setdefault((one.fate, one.why), []).append(one)
        else:
            yield _Row(found.name, found.kind, age_in_words(found.last_used, now), found.size_bytes, one.fate, one.why)
    for (fate, why), same in results.items():
        oldest = min(one.found.last_used for one in same)
        size = sum(one.found.size_bytes for one in same)
        yield _Row(f"{len(same)} kept results", Kind.RESULT, age_in_words(oldest, now), size, fate, why)


def fate_in_words(fate: Fate, *, dry_run: bool) -> str:
    """What became of something, or would."""
    return "would go" if fate is Fate.GOES and dry_run else fate.value


def age_in_words(last_used: datetime, now: datetime) -> str:
    """Whole hours, and whole days from two on."""
    hours = max(0, int((now - last_used).total_seconds() // 3600))
    return f"{hours // 24} d" if hours >= 48 else f"{hours} h"

"""How the state of this machine looks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from pipeline.machine.disk_use import in_words
from pipeline.observing.under_way import TierCount, UnderWay
from pipeline.rendering.fitted_table import FittedTable
from pipeline.status.contract import LastRun, Part, Place, State, Status, Unfinished
from sandbox.printable import printable

MARKS: Final = {State.FINE: ("ok", "green"), State.ABSENT: ("-", ""), State.TROUBLE: ("look", "bold red")}


def print_status(status: Status, console: Console) -> None:
    """Prints what is going on, what has ended, what runs lean on, and what they take of the disk."""
    if status.under_way:
        console.print(_under_way(status.under_way, status.at))
    else:
        console.print(Text("no run is under way on this machine"))
    if status.unfinished:
        console.print()
        console.print(_unfinished(status.unfinished))
    console.print()
    if status.last:
        console.print(_last(status.last, status.at))
    else:
        console.print(Text("no run has ended here"))
    console.print()
    console.print(_parts(status.parts))
    if status.disk:
        console.print()
        console.print(_disk(status.disk))


def status_as_json(status: Status) -> str:
    """Returns it as a JSON document."""
    document: dict[str, Any] = {
        "schema_version": 1,
        "at": status.at.isoformat(),
        "fine": status.is_fine,
        "under_way": [one.model_dump(mode="json") for one in status.under_way],
        "unfinished": [
            {"run": one.run, "operators": list(one.operators), "is_worked_on": one.is_worked_on}
            for one in status.unfinished
        ],
        "last": [
            {
                "run": one.run,
                "began": None if one.began is None else one.began.isoformat(),
                "policy": one.policy,
                "verdicts": [count.model_dump(mode="json") for count in one.verdicts],
                "denied": one.denied,
                "problem": one.problem,
            }
            for one in status.last
        ],
        "parts": [{"name": part.name, "state": part.state.value, "seen": part.seen} for part in status.parts],
        "disk": [
            {"name": one.name, "path": str(one.path), "bytes": one.use.size_bytes, "is_whole": one.use.is_whole}
            for one in status.disk
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _under_way(runs: Sequence[UnderWay], now: datetime) -> FittedTable:
    table = FittedTable("run under way", "what", "policy", "verdicts", "process")
    table.add_column("since", justify="right", no_wrap=True)
    for one in runs:
        total = "" if one.candidates is None else f" of {one.candidates}"
        verdicts = f"{one.judged}{total}" + (f": {_counts(one.verdicts)}" if one.verdicts else "")
        table.add_row(
            Text(printable(one.run)),
            one.kind,
            Text(printable(one.policy)),
            verdicts,
            str(one.pid),
            _ago(now - one.began),
        )
    return table


def _unfinished(runs: Sequence[Unfinished]) -> FittedTable:
    table = FittedTable("run of generation", "operators", "state")
    for one in runs:
        state = "a process is at it" if one.is_worked_on else "interrupted; --resume goes on with it"
        table.add_row(Text(printable(one.run)), Text(printable(", ".join(one.operators) or "-")), state)
    return table


def _last(runs: Sequence[LastRun], now: datetime) -> FittedTable:
    table = FittedTable("run that ended", "policy", "verdicts", "denied")
    table.add_column("begun", justify="right", no_wrap=True)
    for one in runs:
        began = "-" if one.began is None else f"{_ago(now - one.began)} ago"
        told = one.problem or _counts(one.verdicts) or "no candidate"
        table.add_row(Text(printable(one.run)), Text(printable(one.policy)), Text(told), str(one.denied or "-"), began)
    return table


def _parts(parts: Sequence[Part]) -> FittedTable:
    table = FittedTable("what", "", "seen")
    for part in parts:
        table.add_row(part.name, Text(*MARKS[part.state]), Text(printable(part.seen)))
    return table


def _disk(places: Sequence[Place]) -> FittedTable:
    table = FittedTable("disk", "where")
    table.add_column("size", justify="right", no_wrap=True)
    for one in places:
        least = "" if one.use.is_whole else "more than "
        table.add_row(one.name, Text(printable(str(one.path))), f"{least}{in_words(one.use.size_bytes)}")
    return table


def _counts(counts: Sequence[TierCount]) -> str:
    return ", ".join(f"{one.count} {one.tier.value}" for one in counts)


def _ago(time: timedelta) -> str:
    """A clock that was set back gives less than nothing; that is shown as none."""
    seconds = max(0, int(time.total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"

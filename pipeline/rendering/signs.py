"""How what the doctor saw looks."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from pipeline.rendering.fitted_table import FittedTable
from pipeline.status.doctor import Sign


def print_signs(signs: Sequence[Sign], console: Console) -> None:
    """Prints what the doctor saw."""
    table = FittedTable("what", "", "seen", "what to do")
    for sign in signs:
        mark = Text("ok", "green") if sign.fine else Text("lack", "bold red" if sign.needed else "yellow")
        table.add_row(Text(sign.name), mark, Text(sign.seen), Text("" if sign.fine else sign.remedy))
    console.print(table)
    console.print(_can_run(signs))


def signs_as_json(signs: Sequence[Sign]) -> str:
    """Returns what the doctor saw as a JSON document."""
    entries = [{"name": s.name, "fine": s.fine, "needed": s.needed, "seen": s.seen, "remedy": s.remedy} for s in signs]
    return json.dumps({"schema_version": 1, "signs": entries}, indent=2) + "\n"


def _can_run(signs: Sequence[Sign]) -> Text:
    lacking = ", ".join(sign.name for sign in signs if sign.needed and not sign.fine)
    if lacking:
        return Text(f"this machine can't run the gate yet: {lacking}", "bold red")
    optional = sum(not sign.fine for sign in signs)
    return Text(f"this machine can run the gate{'; what it lacks is optional' if optional else ''}", "green")

"""How rules look in a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.rendering.fitted_table import FittedTable
from policies.rule_pages import mending
from policies.rules import Rule


def print_rules(rules: Sequence[Rule], console: Console) -> None:
    """Prints the list of rules."""
    table = FittedTable("rule", "what it says")
    for rule in rules:
        table.add_row(Text(rule.id), Text(rule.title))
    console.print(table)


def print_rule(rule: Rule, console: Console) -> None:
    """Prints one rule: what, why, an example that trips it, how to mend it."""
    console.print(Text.assemble((rule.id, "bold red"), f": {rule.title}"))
    console.print()
    console.print(Text(rule.why))
    if rule.example is not None:
        console.print()
        console.print(Text("when it comes:" if rule.example.kind == "words" else "what trips it:", "bold"))
        _print_whole(_indented(rule.example.trips), console)
    console.print()
    console.print(Text.assemble(("what to do: ", "bold"), rule.remedy))
    change = "" if rule.example is None else mending(rule.example)
    if change:
        _print_whole(_indented(change), console)
    _print_whole(f"page, in the clone of kernelgate: {rule.page}", console, "dim")


def rules_as_json(rules: Sequence[Rule]) -> str:
    """Returns rules as a JSON document."""
    return json.dumps({"schema_version": 1, "rules": [_rule(rule) for rule in rules]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    example = rule.example
    return {
        "id": rule.id,
        "title": rule.title,
        "why": rule.why,
        "remedy": rule.remedy,
        "page": rule.page,
        "example": None
        if example is None
        else {"kind": example.kind, "trips": example.trips, "mended": example.mended},
    }


def _print_whole(text: str, console: Console, style: str = "") -> None:
    """Lines are not broken here, however narrow the terminal is: what is copied from there is whole."""
    console.print(Text(text, style), soft_wrap=True)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())

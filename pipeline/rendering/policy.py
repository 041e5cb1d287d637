"""How checks and comparisons of policies look, and the exit codes that follow from checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from pipeline.exit_codes import ALLOWED, DENIED, USAGE
from pipeline.rendering.fitted_table import FittedTable
from policies.checking import Checked, Problem
from policies.comparing import Difference, differences
from policies.policy import Policy
from sandbox.printable import printable

_STYLES: Final = {"invalid": "bold red", "contradiction": "bold red", "weaker": "yellow", "doubt": "dim"}


def print_checks(checked: Sequence[Checked], may_weaken: frozenset[str], console: Console) -> int:
    """Prints one line a problem, and what to do, and returns the exit code."""
    for entry in checked:
        for problem in entry.problems:
            where = f"{entry.file}:{problem.line}" if problem.line is not None else entry.file
            forgiven = " (may be)" if _is_forgiven(problem, may_weaken) else ""
            key = f"{printable(problem.key)}: " if problem.key else ""
            kind = (f"{problem.kind}{forgiven} ", _STYLES[problem.kind])
            console.print(Text.assemble(f"{printable(where)}: ", kind, key, problem.what))
            console.print(Text(f"    {problem.remedy}"))
        if not entry.problems:
            against = f", nowhere weaker than {entry.against}" if entry.against is not None else ""
            console.print(Text.assemble(f"{printable(entry.file)}: ", ("fine", "green"), against))
    return _exit_code(checked, may_weaken)


def checks_as_json(checked: Sequence[Checked], may_weaken: frozenset[str], to: TextIO) -> int:
    """Writes the problems as a JSON document and returns the exit code."""
    code = _exit_code(checked, may_weaken)
    files = [
        {
            "file": entry.file,
            "against": entry.against,
            "problems": [
                {
                    "kind": problem.kind, "key": problem.key, "line": problem.line, "what": problem.what,
                    "remedy": problem.remedy, "forgiven": _is_forgiven(problem, may_weaken),
                }
                for problem in entry.problems
            ],
        }
        for entry in checked
    ]  # fmt: skip
    to.write(json.dumps({"schema_version": 1, "exit_code": code, "files": files}, indent=2) + "\n")
    return code


def print_differences(first: Policy, second: Policy, console: Console) -> None:
    """Prints a table of the fields that differ."""
    found = differences(first, second)
    if not found:
        console.print(Text(f"{first.name} and {second.name} ask for the same"))
        return
    table = FittedTable()
    for title in ("field", first.name, second.name, "stricter"):
        table.add_column(Text(title), overflow="fold")
    for one in found:
        table.add_row(Text(one.key), Text(one.first), Text(one.second), Text(_stricter(one, first, second)))
    console.print(table)


def differences_as_json(first: Policy, second: Policy) -> str:
    """Returns the fields that differ as a JSON document."""
    entries = [
        {"key": one.key, "first": one.first, "second": one.second, "stricter": one.stricter}
        for one in differences(first, second)
    ]
    document = {"schema_version": 1, "first": first.name, "second": second.name, "differences": entries}
    return json.dumps(document, indent=2) + "\n"


def _stricter(one: Difference, first: Policy, second: Policy) -> str:
    names = {"first": first.name, "second": second.name, "same": "the same", "neither": "-"}
    return names[one.stricter]


def _is_forgiven(problem: Problem, may_weaken: frozenset[str]) -> bool:
    return problem.kind == "weaker" and problem.key in may_weaken


def _exit_code(checked: Sequence[Checked], may_weaken: frozenset[str]) -> int:
    """2 where something is no policy, 1 where one contradicts itself or is weaker than it may be, else 0."""
    counting = [p for entry in checked for p in entry.problems if not _is_forgiven(p, may_weaken)]
    if any(problem.kind == "invalid" for problem in counting):
        return USAGE
    return DENIED if any(problem.kind != "doubt" for problem in counting) else ALLOWED

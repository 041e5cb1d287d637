"""How results look: tables for people, JSON for programs. Nothing here decides or measures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.console import summary_line, verdict_table
from pipeline.demo import Demo
from pipeline.doctor import Sign
from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.gate import Judged
from pipeline.platforms import holds_for
from pipeline.replay import Replayed
from pipeline.report_pages.writing import PAGE
from pipeline.run_folder import Place, case_of
from pipeline.verify import Run
from policies.policy import Tier
from runners.evidence import UnsupportedCase, WrongValues
from runners.examine import Agreed
from runners.operators.model import Operator
from sandbox.printable import printable

_NAMES: Final[dict[Place, str]] = {"interpreter": "the interpreter", "gpu": "a GPU"}


def print_run(run: Run, console: Console) -> None:
    """Prints the table of verdicts, the counts, where the run folder is, and how to replay the first failure."""
    if run.judged:
        console.print(verdict_table(run.judged))
        console.print()
    console.print(Text(f"{summary_line(run.judged)}; policy {run.policy.name}; {run.folder}"))
    for held in sorted({text for entry in run.judged if (text := _certified_for(entry)) is not None}):
        console.print(Text(f"production-safe holds for {held}"))
    _print_replay_hint(run.id, run.judged, console)
    _print_rule_hint(run.judged, console)
    _print_page(run, console)


def print_demo(demo: Demo, console: Console) -> None:
    """Prints the demo's table with the labels, and whether every verdict is the labelled one."""
    console.print(verdict_table(demo.run.judged, [labelled.label for labelled in demo.labelled]))
    console.print()
    console.print(Text(f"{summary_line(demo.run.judged)}; {demo.run.folder}"))
    wrong = [labelled.path.name for labelled, matches in zip(demo.labelled, demo.matches, strict=True) if not matches]
    if wrong:
        console.print(Text(f"not as labelled: {', '.join(wrong)}", "bold red"))
    else:
        console.print(Text("every verdict is the one that the label says"))
    _print_replay_hint(demo.run.id, demo.run.judged, console)
    _print_page(demo.run, console)


def run_as_json(run: Run) -> str:
    """Returns the run as a JSON document."""
    document = {
        "schema_version": 1,
        "run": run.id,
        "folder": str(run.folder),
        "policy": run.policy.name,
        "exit_code": run.exit_code,
        "candidates": [_candidate(entry) for entry in run.judged],
    }
    return json.dumps(document, indent=2) + "\n"


def print_replay(replayed: Replayed, console: Console) -> int:
    """Prints what the case did this time and returns the exit code: 0 it is right now, 1 it still fails."""
    on_gpu = replayed.ran_on == "gpu"
    stored, result = replayed.stored, replayed.result
    where = "on the GPU" if on_gpu else "on the interpreter"
    failed = (
        ", where it failed" if replayed.ran_on == stored.failed_on else f"; it failed on {_NAMES[stored.failed_on]}"
    )
    console.print(Text(f"case {stored.case.id} {where}{failed}: {stored.case.describe()}"))
    if isinstance(result, Agreed):
        how = "called and replayed, also under other scheduling" if on_gpu else "in both runs"
        console.print(Text(f"right this time, {how}", "green"))
        return ALLOWED
    if isinstance(result, UnsupportedCase):
        console.print(Text(f"it can't be run {where}: {printable(result.reason)}", "yellow"))
        return INCOMPLETE
    finding = replayed.finding
    if finding is not None:
        line = f" (line {finding.line})" if finding.line is not None else ""
        console.print(Text.assemble((finding.rule, "bold red"), f"{line}: {finding.message}"))
        console.print(Text(f"what to do: {finding.about.remedy}"))
    if isinstance(result, WrongValues):
        console.print(_elements(result))
    return DENIED


def print_operators(console: Console, operators: Mapping[str, Operator]) -> None:
    """Prints `operators` with their signatures."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("operator", "signature", "meaning", "dtypes"):
        table.add_column(title, overflow="fold")
    for operator in operators.values():
        table.add_row(operator.name, _signature(operator), operator.summary, ", ".join(operator.dtypes))
    console.print(table)


def operators_as_json(operators: Mapping[str, Operator]) -> str:
    """Returns `operators` as a JSON document."""
    entries = [
        {
            "name": operator.name,
            "signature": _signature(operator),
            "summary": operator.summary,
            "dtypes": list(operator.dtypes),
            "forms": {form.name: {k: list(v) for k, v in form.shapes.items()} for form in operator.forms},
        }
        for operator in operators.values()
    ]
    return json.dumps({"schema_version": 1, "operators": entries}, indent=2) + "\n"


def print_signs(signs: Sequence[Sign], console: Console) -> None:
    """Prints what the doctor saw."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("what", "", "seen", "what to do"):
        table.add_column(title, overflow="fold")
    for sign in signs:
        mark = Text("ok", "green") if sign.fine else Text("lack", "bold red" if sign.needed else "yellow")
        table.add_row(Text(sign.name), mark, Text(sign.seen), Text("" if sign.fine else sign.remedy))
    console.print(table)


def signs_as_json(signs: Sequence[Sign]) -> str:
    """Returns what the doctor saw as a JSON document."""
    entries = [{"name": s.name, "fine": s.fine, "needed": s.needed, "seen": s.seen, "remedy": s.remedy} for s in signs]
    return json.dumps({"schema_version": 1, "signs": entries}, indent=2) + "\n"


def _print_replay_hint(run_id: str, judged: Sequence[Judged], console: Console) -> None:
    case = next((case for entry in judged if (case := case_of(entry)) is not None), None)
    if case is not None:
        console.print(Text(f"replay the first failing case: kernelgate replay {run_id} {case.id}"))


def _print_rule_hint(judged: Sequence[Judged], console: Console) -> None:
    first = next((f.rule for entry in judged if not entry.verdict.allowed for f in entry.verdict.findings), None)
    if first is not None:
        console.print(Text(f"what a rule means and how to mend it: kernelgate rules {first}"))


def _print_page(run: Run, console: Console) -> None:
    page = run.folder / PAGE
    if page.is_file():  # one that could not be made was said already
        console.print(Text(f"report: {page}"))


def _elements(failure: WrongValues) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("index", "got", "expected", "right from", "to"):
        table.add_column(title, justify="right")
    for element in failure.first:
        index = ", ".join(str(i) for i in element.index)
        numbers = (element.got, element.expected, element.low, element.high)
        table.add_row(Text(f"[{index}]"), *(f"{number:.9g}" for number in numbers))
    return table


def _signature(operator: Operator) -> str:
    return f"{operator.name}({', '.join(given.name for given in operator.inputs)})"


def _certified_for(entry: Judged) -> str | None:
    tier = entry.verdict.tier
    return holds_for(entry.evidence, tier) if tier is Tier.PRODUCTION_SAFE else None


def _candidate(entry: Judged) -> dict[str, Any]:
    facts = entry.evidence.candidate
    case = case_of(entry)
    return {
        "path": facts.path,
        "digest": facts.digest,
        "operator": facts.operator,
        "tier": entry.verdict.tier.value,
        "allowed": entry.verdict.allowed,
        "holds_for": holds_for(entry.evidence, entry.verdict.tier),
        "reused": entry.reused,
        "case": case.id if case is not None else None,
        "findings": [
            {
                "rule": f.rule,
                "severity": f.severity,
                "message": f.message,
                "line": f.line,
                "remedy": f.about.remedy,
                "waiver": None if f.waiver is None else f.waiver.model_dump(mode="json"),
            }
            for f in entry.verdict.findings
        ],
    }

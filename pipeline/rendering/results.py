"""How the results of runs look: tables for people, JSON for programs. Nothing here decides or measures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.gate.judged import Judged
from pipeline.measuring.demo import Demo
from pipeline.rendering.failure import case_lines, finding_lines, print_first_failure, wrong_elements
from pipeline.rendering.verdict_table import summary_line, verdict_table
from pipeline.report_pages.writing import PAGE
from pipeline.runs.folder import Place, case_of
from pipeline.supply.platforms import holds_for
from pipeline.verification.replay import Replayed
from pipeline.verification.verify import Run
from policies.policy import Tier
from runners.evidence import UnsupportedCase, WrongValues
from runners.examine import Agreed
from runners.operators import OPERATORS, Operator
from sandbox.printable import printable

_NAMES: Final[dict[Place, str]] = {"interpreter": "the interpreter", "gpu": "a GPU"}


def print_run(run: Run, console: Console, operators: Mapping[str, Operator] = OPERATORS) -> None:
    """Prints the table of verdicts, the counts, where the run folder is, and the first failing case."""
    if run.judged:
        console.print(verdict_table(run.judged))
        console.print()
    console.print(Text(f"{summary_line(run.judged)}; policy {run.policy.name}; {run.folder}"))
    for held in sorted({text for entry in run.judged if (text := _certified_for(entry)) is not None}):
        console.print(Text(f"production-safe holds for {held}"))
    print_first_failure(run, console, operators)
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
    print_first_failure(demo.run, console)
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


def print_replay(replayed: Replayed, console: Console, operators: Mapping[str, Operator] = OPERATORS) -> int:
    """Prints what the case did this time and returns the exit code: 0 it is right now, 1 it still fails."""
    on_gpu = replayed.ran_on == "gpu"
    stored, result = replayed.stored, replayed.result
    where = "on the GPU" if on_gpu else "on the interpreter"
    failed = (
        ", where it failed" if replayed.ran_on == stored.failed_on else f"; it failed on {_NAMES[stored.failed_on]}"
    )
    for line in case_lines(stored.case, f" {where}{failed}"):
        console.print(line)
    if stored.arguments is not None:
        console.print("with the arguments of the call that failed; the case is the nearest description")
    if isinstance(result, Agreed):
        how = "called and replayed, also under other scheduling" if on_gpu else "in both runs"
        console.print(Text(f"right this time, {how}", "green"))
        return ALLOWED
    if isinstance(result, UnsupportedCase):
        console.print(Text(f"it can't be run {where}: {printable(result.reason)}", "yellow"))
        return INCOMPLETE
    finding = replayed.finding
    assert finding is not None  # what is neither agreed nor unsupported is a failure
    for line in finding_lines(finding, stored.candidate.read_bytes()):
        console.print(line)
    console.print(Text(f"what to do: {finding.about.remedy}"))
    if isinstance(result, WrongValues):
        console.print(wrong_elements(result, operators))
    return DENIED


def _print_page(run: Run, console: Console) -> None:
    page = run.folder / PAGE
    if page.is_file():  # one that could not be made was said already
        console.print(Text(f"report: {page}"), soft_wrap=True)


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

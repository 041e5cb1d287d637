"""How an operator's strength looks: to a person as tables and diffs, to a program as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.corpus.equivalents import NAME
from pipeline.exit_codes import ALLOWED, DENIED
from pipeline.measuring.strength import REQUIRED_RATE, KernelMutants, Strength
from pipeline.rendering.fitted_table import FittedTable
from policies.strength_findings import KERNELS
from runners.mutants import MutantRun


def print_strength(strength: Strength, console: Console) -> None:
    """Prints both tables, what is alive as diffs, and what follows."""
    console.print(_degenerates(strength))
    console.print()
    for kernel in strength.kernels:
        _print_kernel(kernel, console)
    verdict = conclusion(strength)
    console.print(Text(verdict, {ALLOWED: "green", DENIED: "bold red"}.get(strength.exit_code, "yellow")))
    console.print(Text(f"seed {strength.seed}"))


def strength_as_json(strength: Strength) -> str:
    """Returns the answer as a JSON document."""
    document = {
        "schema_version": 1,
        "operator": strength.operator,
        "seed": strength.seed,
        "cases": strength.cases,
        "exit_code": strength.exit_code,
        "conclusion": conclusion(strength),
        "degenerate_outputs": [
            {"kind": t.kind, "output": t.output, "tried": t.tried, "rejected": t.rejected, "first": t.first}
            for t in strength.degenerates
        ],
        "kill_rate": strength.kill_rate,
        "kernels": [_kernel(kernel) for kernel in strength.kernels],
    }
    return json.dumps(document, indent=2) + "\n"


def conclusion(strength: Strength) -> str:
    """Says in one line what may be certified by the operator."""
    name, reasons = strength.operator, []
    if strength.passed_over:
        kinds = ", ".join(tally.kind for tally in strength.passed_over)
        reasons.append(f"no case rejects: {kinds}")
    if not strength.degenerates:
        reasons.append("no case of it has a result that could be wrong")
    rate = strength.kill_rate
    if rate is not None and rate < REQUIRED_RATE:
        reasons.append(f"{rate:.1%} of the mutants were killed, {REQUIRED_RATE:.0%} are required")
    reasons += [text for kernel in strength.usable for text in kernel.contradictions]
    if reasons:
        return f"'{name}' is too weak, nothing can be certified by it: {'; '.join(reasons)}"
    if strength.exit_code == ALLOWED:
        return f"'{name}' is strong: every degenerate output is rejected, {rate:.1%} of the mutants are killed"
    usable = len(strength.usable)
    return (
        f"'{name}' rejects every degenerate output; how many mutants it kills is not known: mutants of {usable} right "
        f"kernel{'' if usable == 1 else 's'} were run, {KERNELS} are needed (--kernels FILE)"
    )


def _degenerates(strength: Strength) -> FittedTable:
    table = FittedTable()
    for title in ("degenerate output", "of result", "cases", "rejected", "first"):
        table.add_column(title, overflow="fold", justify="left" if title == "degenerate output" else "right")
    for tally in strength.degenerates:
        first = Text("never", "bold red") if tally.first is None else Text(str(tally.first))
        table.add_row(Text(tally.kind), *(Text(str(n)) for n in (tally.output, tally.tried, tally.rejected)), first)
    return table


def _print_kernel(kernel: KernelMutants, console: Console) -> None:
    if kernel.problem is not None:
        console.print(Text(f"{kernel.path}: not used, {kernel.problem}", "yellow"))
        return
    known = sum(run.fate == "survived" for run in kernel.runs) - len(kernel.alive)
    console.print(Text(
        f"{kernel.path}: {len(kernel.runs)} mutants, {kernel.killed} killed{_first_kills(kernel.runs)}, "
        f"{known} equivalent, {kernel.not_run} that the interpreter can't run, {len(kernel.alive)} alive"
    ))  # fmt: skip
    for text in kernel.contradictions:
        console.print(Text(f"  {text}", "bold red"))
    for run in kernel.alive:
        console.print(Text(f"  alive, equivalent or a hole: {run.mutant.id}", "yellow"))
        console.print(Text("\n".join(f"    {line}" for line in run.mutant.diff.splitlines())))
    if kernel.alive:
        listed = Path(kernel.path).with_name(NAME)
        console.print(
            Text(f"  mutants that you read and found to be equivalent are listed in {listed}, with the reason")
        )


def _first_kills(runs: Sequence[MutantRun]) -> str:
    cases = sorted(run.first_kill for run in runs if run.first_kill is not None)
    if not cases:
        return ""
    return f" (by case {statistics.median(cases):g} in the median, {cases[-1]} at the latest)"


def _kernel(kernel: KernelMutants) -> dict[str, Any]:
    return {
        "path": kernel.path,
        "problem": kernel.problem,
        "mutants": len(kernel.runs),
        "killed": kernel.killed,
        "not_run": kernel.not_run,
        "first_kills": [run.first_kill for run in kernel.runs if run.first_kill is not None],
        "equivalent": [
            {"id": run.mutant.id, "reason": kernel.equivalent[run.mutant.id]}
            for run in kernel.runs
            if run.fate == "survived" and run.mutant.id in kernel.equivalent
        ],
        "alive": [{"id": run.mutant.id, "line": run.mutant.line, "diff": run.mutant.diff} for run in kernel.alive],
        "contradictions": list(kernel.contradictions),
    }

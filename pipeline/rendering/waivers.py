"""What is said about waivers: after a run, and after `kernelgate waive`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from pipeline.runs.finished import Run
from pipeline.verification.waive import Waived
from policies.waivers import DatedWaivers, Waiver
from policies.waiving import takes_waivers, uses_of


def waiver_lines(run: Run, waivers: DatedWaivers | None) -> Iterator[str]:
    """Yields what became of the waivers of a run, each kind in a line: in force, expired, without anything to waive."""
    if waivers is None or not waivers.waivers:
        return
    if not takes_waivers(run.policy):
        yield f"waivers have no force under the policy '{run.policy.name}', which asks for production-safe"
        return
    uses = uses_of(waivers, [(entry.evidence.candidate.digest, entry.verdict) for entry in run.judged])
    if uses.applied:
        yield f"waivers in force: {len(uses.applied)}, the first of them until {min(w.expires for w in uses.applied)}"
    if uses.expired:
        yield f"waivers that have expired, and deny: {_names(uses.expired)}"
    if uses.idle:
        yield f"waivers of what was not found, which can go: {_names(uses.idle)}"
    if uses.absent:
        yield f"waivers of candidates that are not in this run: {_names(uses.absent)}"


def print_waived(waived: Waived, console: Console) -> None:
    """Prints what was written, what was there, and what can't be waived."""
    if not (waived.added or waived.kept or waived.refused):
        console.print(Text("nothing to waive: no finding denied a candidate of this run"))
        return
    for waiver in waived.kept:
        line = f"{waiver.rule} of {waiver.digest[:12]} is waived until {waiver.expires} already: renew it by hand"
        console.print(Text(line))
    for denial in waived.refused:
        console.print(
            Text(f"{denial.path}: {denial.finding.rule} can't be waived; mend it: {denial.finding.about.remedy}")
        )
    console.print(Text(f"{len(waived.added)} waiver{'' if len(waived.added) == 1 else 's'} added to {waived.file}"))


def _names(waivers: Sequence[Waiver]) -> str:
    shown = ", ".join(f"{one.rule} of {one.digest[:12]}" for one in waivers[:3])
    return f"{shown} and {len(waivers) - 3} more" if len(waivers) > 3 else shown

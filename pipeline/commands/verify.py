"""`kernelgate verify`, and `kernelgate waive` for what it denied. Parse, call one function, render."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.frame import (
    Format,
    FormatOption,
    ModeOption,
    OperatorsOption,
    PolicyOption,
    QuietOption,
    RunArgument,
    RunsOption,
    SandboxOption,
    SeedOption,
    WorkersOption,
    day_given,
    errors_in_words,
    listening,
)
from pipeline.errors import UsageError
from pipeline.exit_codes import ALLOWED, DENIED
from pipeline.settings import DEADLINE_CAP_S, Mode, Settings

ChangedSinceOption = Annotated[
    str | None,
    typer.Option(
        "--changed-since",
        metavar="REV",
        help="Only candidates that changed since the branch left REV (its merge base with HEAD), as they are in the "
        "working tree: what is not committed or not added counts, what was deleted does not; a file that moved is new, "
        "and one behind a symbolic link is always taken. All of them, where the policy file or the folder of operators "
        "changed. Built-in policies and operators: upgrades of kernelgate are not seen; verify everything then.",
    ),
]
WaiversOption = Annotated[
    Path | None,
    typer.Option(
        "--waivers",
        help="A file of waivers: findings that stop nothing until a date. With --changed-since it is read as it stands "
        "at REV: a pull request does not waive its own findings.",
    ),
]
DeadlineOption = Annotated[
    int | None,
    typer.Option(
        "--deadline",
        metavar="SECONDS",
        min=1,
        max=DEADLINE_CAP_S,
        help="End the measuring after so many seconds, counted from when candidates begin to be measured. What is not "
        "finished then is inconclusive (exit 3); with --flow the same command goes on from there.",
    ),
]


def verify_command(
    paths: Annotated[list[Path], typer.Argument(help="Candidate files, or folders that hold some.")],
    policy: PolicyOption = "ci",
    output_format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    flow: Annotated[
        bool, typer.Option("--flow", help="Run as a Prefect flow: killed and run again, it goes on.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="With --flow: do not reuse earlier results.")] = False,
    deadline: DeadlineOption = None,
    seed: SeedOption = None,
    operators: OperatorsOption = None,
    workers: WorkersOption = None,
    runs: RunsOption = None,
    sandbox: SandboxOption = None,
    mode: ModeOption = Mode.AUTO,
    changed_since: ChangedSinceOption = None,
    waivers: WaiversOption = None,
    sarif: Annotated[Path | None, typer.Option("--sarif", help="Write SARIF 2.1.0 to this file.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")] = None,
    summary: Annotated[
        Path | None, typer.Option("--summary", help="Append Markdown to this file, as $GITHUB_STEP_SUMMARY.")
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option("--annotations", help="Write workflow commands of GitHub Actions to this file; then print it."),
    ] = None,
) -> None:
    """Verify candidates: exit 0 when the policy lets all of them through.

    With --changed-since, also when none of them changed.
    """
    with errors_in_words():
        from pipeline.reports.files import ReportFiles
        from policies.policy import load_policy

        reports = ReportFiles(sarif=sarif, junit=junit, summary=summary, annotations=annotations)
        reports.check()
        settings = Settings.resolve(runs=runs, workers=workers, sandbox=sandbox)
        chosen = load_policy(policy)
        if flow and seed is not None:
            raise UsageError("--seed has no meaning with --flow: what a flow stores must come from a fresh draw")
        if fresh and not flow:
            raise UsageError("--fresh belongs to --flow: without it nothing is reused")
        from pipeline.own_operators import load_operators
        from pipeline.rendering import results as render
        from pipeline.rendering.console import output
        from pipeline.rendering.waivers import waiver_lines
        from pipeline.reports.places import places_here
        from pipeline.reports.writing import write_reports
        from pipeline.runs.changed import collect_changed, look_at_changes, waivers_for
        from pipeline.runs.collect import barren
        from pipeline.verification.verify import Options, verify

        changes = look_at_changes(changed_since, (Path(policy), *([operators] if operators else [])))
        known = load_operators(operators)
        items = collect_changed(paths, known, changes)
        with listening(len(items), quiet=quiet) as listener:
            for folder in barren(paths):
                listener.warn(f"no candidate in {folder}: it holds no Python file, or only empty ones")
            if changes is not None:
                listener.note(changes.describe(len(items)))
            waived = waivers_for(waivers, changes, _today(), listener.warn)
            options = Options(flow=flow, fresh=fresh, seed=seed, mode=mode, waivers=waived, deadline_s=deadline)
            try:
                run = verify(items, chosen, settings, options, listener)
            except KeyboardInterrupt:
                if flow:
                    again = " without --fresh" if fresh else ""
                    listener.warn(f"what was measured is kept: run the same command again{again}, and it goes on")
                raise
            for line in waiver_lines(run, waived):
                listener.warn(line)
        if output_format is Format.JSON:
            sys.stdout.write(render.run_as_json(run))
        else:
            render.print_run(run, output(), known)
        write_reports(reports, run, places_here())
    raise typer.Exit(run.exit_code)


def waive_command(
    run: RunArgument,
    reason: Annotated[str, typer.Option(help="Why these findings may stand; shown with each of them.")],
    expires: Annotated[
        date,
        typer.Option(
            parser=day_given, metavar="DATE", help="The last day on which the waivers hold (YYYY-MM-DD, UTC)."
        ),
    ],
    file: Annotated[Path, typer.Option(help="The waivers file; entries are added at its end.")] = Path("waivers.yaml"),
    runs: RunsOption = None,
) -> None:
    """Write waivers for what a run denied: the baseline of a repository that adopts the gate.

    Exit 1 when something can't be waived.
    """
    with errors_in_words():
        from pipeline.rendering.console import output
        from pipeline.rendering.waivers import print_waived
        from pipeline.verification.waive import denials_of, waive

        denials = denials_of(Settings.resolve(runs=runs).runs, run)
        waived = waive(denials, reason, expires, file, _today())
        print_waived(waived, output())
    raise typer.Exit(DENIED if waived.refused else ALLOWED)


def _today() -> date:
    return datetime.now(UTC).date()

"""The command line: parse, call one function, render.

Exit codes of every gate command: 0 all allowed, 1 something denied, 2 wrong usage or configuration, 3 incomplete:
evidence or infrastructure is missing, or the run was interrupted. Data goes to stdout, everything else to stderr.
Nobody sees a traceback for a wrong argument, a missing engine, a bad candidate or a bad policy file.
"""

from __future__ import annotations

import signal
import sys
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.attest_commands import attest_app
from pipeline.command_frame import (
    Format,
    FormatOption,
    ModeOption,
    OperatorsOption,
    RunsOption,
    SandboxOption,
    errors_in_words,
    listening,
)
from pipeline.errors import UsageError
from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.generation_commands import experiments_command, generate_command, lessons_command
from pipeline.judge_command import judge_command
from pipeline.policy_commands import policy_app
from pipeline.report_command import report_command
from pipeline.rules_command import rules_command
from pipeline.settings import WORKERS_CAP, Mode, Settings

if TYPE_CHECKING:
    pass

# Everything else is imported by the command that needs it: torch takes seconds, and a wrong argument must not.

app = typer.Typer(
    name="kernelgate",
    help="The gate that GPU kernels written by language models must pass before anyone runs them.\n\n"
    "Exit codes: 0 all allowed, 1 something denied, 2 wrong usage or configuration, 3 incomplete.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
image_app = typer.Typer(help="The image that runners are started from.", no_args_is_help=True)
app.add_typer(image_app, name="image")
operators_app = typer.Typer(help="The operators that a candidate can implement; alone it lists them.")
app.add_typer(operators_app, name="operators", invoke_without_command=True)
app.add_typer(policy_app, name="policy")
app.add_typer(attest_app, name="attest")
app.command("judge")(judge_command)
app.command("report")(report_command)
app.command("rules")(rules_command)


WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=WORKERS_CAP, help="Candidates at once (KERNELGATE_WORKERS; one a core)."),
]

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
SeedOption = Annotated[int | None, typer.Option(min=0, help="Fix what the judge draws; for experiments only.")]


class LabelOption(StrEnum):
    """Which labels of a corpus are measured."""

    RIGHT = "right"
    WRONG = "wrong"
    HACK = "hack"
    HONEST = "honest"


@app.command("verify")
def verify_command(
    paths: Annotated[list[Path], typer.Argument(help="Candidate files, or folders that hold some.")],
    policy: Annotated[str, typer.Option(help="dev, ci, production, or a policy file.")] = "ci",
    output_format: FormatOption = Format.TABLE,
    flow: Annotated[
        bool, typer.Option("--flow", help="Run as a Prefect flow: killed and run again, it goes on.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="With --flow: do not reuse earlier results.")] = False,
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
        from pipeline import render
        from pipeline.changed import collect_changed, look_at_changes, waivers_for
        from pipeline.console import output
        from pipeline.own_operators import load_operators
        from pipeline.render_waivers import waiver_lines
        from pipeline.reports.places import places_here
        from pipeline.reports.writing import write_reports
        from pipeline.verify import Options, verify

        changes = look_at_changes(changed_since, (Path(policy), *([operators] if operators else [])))
        items = collect_changed(paths, load_operators(operators), changes)
        with listening(len(items)) as listener:
            if changes is not None:
                listener.note(changes.describe(len(items)))
            waived = waivers_for(waivers, changes, _today(), listener.note)
            options = Options(flow=flow, fresh=fresh, seed=seed, mode=mode, waivers=waived)
            run = verify(items, chosen, settings, options, listener)
            for line in waiver_lines(run, waived):
                listener.note(line)
        if output_format is Format.JSON:
            sys.stdout.write(render.run_as_json(run))
        else:
            render.print_run(run, output())
        write_reports(reports, run, places_here())
    raise typer.Exit(run.exit_code)


@app.command("waive")
def waive_command(
    run: Annotated[str, typer.Argument(help="A run's id, or the path of its folder.")],
    reason: Annotated[str, typer.Option(help="Why these findings may stand; shown with each of them.")],
    expires: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day on which the waivers hold, in UTC.")
    ],
    file: Annotated[Path, typer.Option(help="The waivers file; entries are added at its end.")] = Path("waivers.yaml"),
    runs: RunsOption = None,
) -> None:
    """Write waivers for what a run denied: the baseline of a repository that adopts the gate.

    Exit 1 when something can't be waived.
    """
    with errors_in_words():
        from pipeline.console import output
        from pipeline.render_waivers import print_waived
        from pipeline.waive import denials_of, waive

        denials = denials_of(Settings.resolve(runs=runs).runs, run)
        waived = waive(denials, reason, expires.date(), file, _today())
        print_waived(waived, output())
    raise typer.Exit(DENIED if waived.refused else ALLOWED)


@app.command("measure")
def measure_command(
    corpus: Annotated[Path, typer.Argument(help="A folder of candidates with a labels.toml, a table a file.")],
    policy: Annotated[str, typer.Option(help="dev, ci, production, or a policy file.")] = "ci",
    output_format: FormatOption = Format.TABLE,
    only: Annotated[list[str] | None, typer.Option("--only", help="Measure this operator alone; repeatable.")] = None,
    label: Annotated[
        list[LabelOption] | None, typer.Option("--label", help="Measure files with this label alone; repeatable.")
    ] = None,
    seed: SeedOption = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Let the interpreter err as a GPU may: right kernels must still pass.")
    ] = False,
    operators: OperatorsOption = None,
    workers: WorkersOption = None,
    runs: RunsOption = None,
    sandbox: SandboxOption = None,
) -> None:
    """Measure the gate on labelled candidates: exit 1 on any false accept, 3 when a file could not be measured.

    False denials are counted and shown; they do not change the exit code.
    """
    with errors_in_words():
        from policies.policy import load_policy

        settings = Settings.resolve(runs=runs, workers=workers, sandbox=sandbox)
        chosen_policy = load_policy(policy)
        from pipeline.console import output
        from pipeline.corpus import read_corpus
        from pipeline.measuring import Selection, choose, measure_corpus, measurement_as_json, warnings_of
        from pipeline.own_operators import load_operators
        from pipeline.render_measure import print_measurement
        from pipeline.verify import Options

        known = load_operators(operators)
        read = read_corpus(corpus, besides=() if operators is None else (operators,))
        selection = Selection(tuple(only or ()), tuple(entry.value for entry in label or ()))
        chosen = choose(read, selection, known)
        with listening(len(chosen)) as listener:
            for warning in warnings_of(read):
                listener.note(f"warning: {warning}")
            options = Options(seed=seed, noise=noise)
            measurement = measure_corpus(read, chosen, chosen_policy, settings, options, listener)
        if output_format is Format.JSON:
            sys.stdout.write(measurement_as_json(measurement))
        else:
            print_measurement(measurement, output())
    raise typer.Exit(measurement.exit_code)


@app.command("replay")
def replay_command(
    run: Annotated[str, typer.Argument(help="A run's id, or the path of its folder.")],
    case: Annotated[str, typer.Argument(help="A case's id, or a unique beginning of it.")],
    operators: OperatorsOption = None,
    runs: RunsOption = None,
    sandbox: SandboxOption = None,
    mode: Annotated[
        Mode, typer.Option("--mode", help="auto: where it failed, or exit 3. cpu: on the interpreter. gpu: on the GPU.")
    ] = Mode.AUTO,
) -> None:
    """Run one failed case again, where it failed, and show its first wrong elements: exit 1 when it still fails."""
    with errors_in_words():
        from pipeline import render
        from pipeline.console import output
        from pipeline.own_operators import load_operators
        from pipeline.replay import replay
        from pipeline.run_folder import find_case

        settings = Settings.resolve(runs=runs, workers=1, sandbox=sandbox)
        stored = find_case(settings.runs, run, case)
        known = load_operators(operators)
        with listening(1) as listener:
            replayed = replay(stored, settings, listener, known, mode)
        code = render.print_replay(replayed, output())
    raise typer.Exit(code)


@operators_app.callback()
def operators_command(
    context: typer.Context, output_format: FormatOption = Format.TABLE, operators: OperatorsOption = None
) -> None:
    """List the operators that a candidate can implement."""
    if context.invoked_subcommand is not None:
        return
    with errors_in_words():
        from pipeline import render
        from pipeline.console import output
        from pipeline.own_operators import load_operators

        known = load_operators(operators)
        if output_format is Format.JSON:
            sys.stdout.write(render.operators_as_json(known))
        else:
            render.print_operators(output(), known)


@operators_app.command("check")
def operators_check_command(
    name: Annotated[str, typer.Argument(help="The operator whose test is examined.")],
    kernels: Annotated[
        list[Path] | None,
        typer.Option("--kernels", help="A right kernel to mutate; repeatable. Default: two bundled ones, if any."),
    ] = None,
    mutants: Annotated[int, typer.Option(min=0, help="Mutants of each kernel; 0 is all of them.")] = 100,
    degenerate_only: Annotated[
        bool, typer.Option("--degenerate-only", help="Leave the mutants out: no container is needed.")
    ] = False,
    policy: Annotated[str, typer.Option(help="dev, ci, production, or a policy file.")] = "ci",
    record: Annotated[
        bool, typer.Option("--record", help="Keep the answer: verifications put it with their evidence.")
    ] = False,
    output_format: FormatOption = Format.TABLE,
    seed: SeedOption = None,
    operators: OperatorsOption = None,
    workers: WorkersOption = None,
    sandbox: SandboxOption = None,
) -> None:
    """Say how strong an operator's own test is: exit 1 when nothing can be certified by it, 3 when nobody knows."""
    with errors_in_words():
        import secrets

        from policies.policy import load_policy

        settings, chosen = Settings.resolve(workers=workers, sandbox=sandbox), load_policy(policy)
        from pipeline.console import output
        from pipeline.own_operators import load_operators
        from pipeline.render_strength import print_strength, strength_as_json
        from pipeline.strength import Question, as_evidence, check_operator, right_kernels
        from pipeline.strength_records import record_strength

        known = load_operators(operators)
        if name not in known:
            raise UsageError(f"'{name}' is not an operator; see 'kernelgate operators'")
        files = () if degenerate_only else right_kernels(known[name], kernels or (), known)
        drawn = secrets.randbits(64) if seed is None else seed
        with listening(None) as listener:
            question = Question(known[name], files, chosen, drawn, mutants)
            strength = check_operator(question, settings, listener.note)
            if record:
                listener.note(f"recorded in {record_strength(known[name], as_evidence(strength, question))}")
        if output_format is Format.JSON:
            sys.stdout.write(strength_as_json(strength))
        else:
            print_strength(strength, output())
    raise typer.Exit(strength.exit_code)


app.command("generate")(generate_command)
app.command("lessons")(lessons_command)
app.command("experiments")(experiments_command)


@app.command("doctor")
def doctor_command(output_format: FormatOption = Format.TABLE, sandbox: SandboxOption = None) -> None:
    """Show what this machine can do and what to do about each lack: exit 3 when it can't run the gate."""
    from pipeline import render
    from pipeline.console import output
    from pipeline.doctor import examine_machine

    with errors_in_words():
        signs = examine_machine(Settings.resolve(sandbox=sandbox))
        if output_format is Format.JSON:
            sys.stdout.write(render.signs_as_json(signs))
        else:
            render.print_signs(signs, output())
    raise typer.Exit(ALLOWED if all(sign.fine for sign in signs if sign.needed) else INCOMPLETE)


@app.command("demo")
def demo_command(workers: WorkersOption = None, runs: RunsOption = None) -> None:
    """Run the flow over a dozen bundled kernels: exit 0 when each gets the verdict that its label says."""
    from pipeline import render
    from pipeline.console import output
    from pipeline.demo import run_demo
    from policies.policy import load_policy

    with errors_in_words():
        settings = Settings.resolve(runs=runs, workers=workers)
        with listening(None) as listener:
            demo = run_demo(settings, load_policy("ci"), listener)
        render.print_demo(demo, output())
    raise typer.Exit(demo.exit_code)


@image_app.command("build")
def image_build_command(
    packages: Annotated[
        list[str] | None, typer.Option("--with", help="A pinned package that candidates may import; repeatable.")
    ] = None,
) -> None:
    """Build the runner image of this checkout, or say that it is there."""
    from pipeline.engine import answering_engine
    from pipeline.runner_image import ensure_runner_image

    with errors_in_words(), listening(None) as listener:
        settings = Settings.resolve()
        image = ensure_runner_image(answering_engine(), settings, tuple(packages or ()), listener.note)
        sys.stdout.write(f"{image.tag}\n")


def _today() -> date:
    return datetime.now(UTC).date()


def main() -> None:
    """The program's entry."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    app()


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

"""The command line: parse, call one function, render.

Exit codes of every gate command: 0 all allowed, 1 something denied, 2 wrong usage or configuration, 3 incomplete:
evidence or infrastructure is missing, or the run was interrupted. Data goes to stdout, everything else to stderr.
Nobody sees a traceback for a wrong argument, a missing engine, a bad candidate or a bad policy file.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.attest_commands import attest_app
from pipeline.command_frame import Format, FormatOption, OperatorsOption, RunsOption
from pipeline.command_frame import errors_in_words as _errors_in_words
from pipeline.errors import SdkUnavailable, UsageError
from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.judge_command import judge_command
from pipeline.policy_commands import policy_app
from pipeline.rules_command import rules_command
from pipeline.settings import WORKERS_CAP, Mode, SandboxKind, Settings

if TYPE_CHECKING:
    from pipeline.console import StderrListener
    from pipeline.generation.budgets import Budget

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
app.command("rules")(rules_command)


WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=WORKERS_CAP, help="Candidates at once (KERNELGATE_WORKERS; one a core)."),
]

SandboxOption = Annotated[
    SandboxKind | None,
    typer.Option(
        "--sandbox",
        help="docker: containers of an engine. embedded: namespaces without one, enough for policy dev alone. "
        "(KERNELGATE_SANDBOX; docker)",
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option(
        "--mode",
        help="auto: on the GPU too, where the policy asks for it and there is one. cpu: never. gpu: or exit 3.",
    ),
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
    with _errors_in_words():
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
        with _listening(len(items)) as listener:
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
    with _errors_in_words():
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
    with _errors_in_words():
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
        with _listening(len(chosen)) as listener:
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
    with _errors_in_words():
        from pipeline import render
        from pipeline.console import output
        from pipeline.own_operators import load_operators
        from pipeline.replay import replay
        from pipeline.run_folder import find_case

        settings = Settings.resolve(runs=runs, workers=1, sandbox=sandbox)
        stored = find_case(settings.runs, run, case)
        known = load_operators(operators)
        with _listening(1) as listener:
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
    with _errors_in_words():
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
    with _errors_in_words():
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
        with _listening(None) as listener:
            question = Question(known[name], files, chosen, drawn, mutants)
            strength = check_operator(question, settings, listener.note)
            if record:
                listener.note(f"recorded in {record_strength(known[name], as_evidence(strength, question))}")
        if output_format is Format.JSON:
            sys.stdout.write(strength_as_json(strength))
        else:
            print_strength(strength, output())
    raise typer.Exit(strength.exit_code)


@app.command("generate")
def generate_command(
    names: Annotated[
        list[str], typer.Argument(metavar="OPERATOR...", help="The operators that kernels are written for, at once.")
    ],
    roles: Annotated[
        Path, typer.Option(help="Who writes, improves and reviews (pipeline/generation/roles.py).")
    ] = Path("roles.yaml"),
    policy: Annotated[str, typer.Option(help="dev, ci, production, or a policy file.")] = "ci",
    budget_usd: Annotated[
        str | None, typer.Option("--budget-usd", help="US dollars; every model needs a price (--prices).")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=0, help="Candidates asked for.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=0, help="Tokens in and out, thinking included.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Minutes, checks included.")] = None,
    prices: Annotated[
        Path | None, typer.Option(help="A price table; default: prices.yaml beside the roles file, if there.")
    ] = None,
    strategies: Annotated[int, typer.Option(min=1, max=20, help="Plans to ask for; 1 leaves the author free.")] = 3,
    card: Annotated[str, typer.Option(help="The GPU that kernels shall be fast on: a100, h100 and so on.")] = "h100",
    notes: Annotated[Path | None, typer.Option(help="A folder of Markdown files to look things up in.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="A folder of templates that replace built-in ones.")] = None,
    experiment: Annotated[
        Path | None, typer.Option(help="Draw the templates by this file (pipeline/generation/experiment.py).")
    ] = None,
    resume: Annotated[str | None, typer.Option(help="The id of a run that was interrupted; it goes on.")] = None,
    no_lessons: Annotated[
        bool, typer.Option("--no-lessons", help="Do not tell authors what went wrong in earlier runs.")
    ] = False,
    flow: Annotated[bool, typer.Option("--flow", help="Run as a Prefect flow: each attempt is a task.")] = False,
    output_format: FormatOption = Format.TABLE,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
    sandbox: SandboxOption = None,
    mode: ModeOption = Mode.AUTO,
) -> None:
    """Have models write kernels, repair them by the gate's findings, and verify them: exit 0 when one stands.

    At least one limit is needed, for all operators together: --budget-usd, --rounds, --max-tokens or --minutes.
    """
    with _errors_in_words():
        import os

        from policies.policy import load_policy

        settings, chosen = Settings.resolve(runs=runs, workers=1, sandbox=sandbox), load_policy(policy)
        budget = _budget(budget_usd, rounds, max_tokens, minutes)
        from pipeline.console import output
        from pipeline.own_operators import load_operators

        try:
            from pipeline.generating.run import Place, generate
            from pipeline.generating.wanted import Wanted
            from pipeline.generation.loop.documents import as_text, document_of
            from pipeline.render_generation import print_generated
        except ModuleNotFoundError as error:
            raise SdkUnavailable(
                f"generation needs the package '{error.name}': pip install 'kernelgate[generate]'"
            ) from None

        known = load_operators(operators)
        wanted = Wanted(
            tuple(names), roles, budget, strategies=strategies, prices=prices, card=card, notes=notes, prompts=prompts,
            experiment=experiment, resume=resume, mode=mode, lessons=not no_lessons,
        )  # fmt: skip
        with _listening(None) as listener:
            place = Place(settings, os.environ, known, listener.note)
            if flow:
                from pipeline.generating.flow import generate_with_flow  # prefect takes seconds to import

                generated = generate_with_flow(wanted, chosen, place)
            else:
                generated = generate(wanted, chosen, place)
        if output_format is Format.JSON:
            sys.stdout.write(as_text(document_of(generated.finished, generated.folder)))
        else:
            print_generated(generated, output())
    raise typer.Exit(generated.finished.exit_code)


@app.command("lessons")
def lessons_command(
    operator: Annotated[str | None, typer.Argument(help="What is known about this operator alone.")] = None,
    offer: Annotated[
        Path | None,
        typer.Option(help="Write wrong kernels that an early check let pass as entries of a corpus in this folder."),
    ] = None,
    output_format: FormatOption = Format.TABLE,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
) -> None:
    """Rank what goes wrong when models write kernels, and what mended it; or offer wrong ones for a corpus."""
    with _errors_in_words():
        from pipeline.console import output
        from pipeline.own_operators import load_operators

        try:
            from pipeline import render_lessons as render
            from pipeline.generation.lessons.entries import offer_to
            from pipeline.generation.lessons.offering import wrong_kernels
            from pipeline.generation.lessons.ranking import lessons_document
            from pipeline.generation.lessons.reading import read_about
        except ModuleNotFoundError as error:
            raise SdkUnavailable(
                f"lessons need the package '{error.name}': pip install 'kernelgate[generate]'"
            ) from None

        folder = Settings.resolve(runs=runs).runs
        read = read_about(folder, operator, load_operators(operators))
        if offer is not None:
            offered = offer_to(offer, wrong_kernels(read), read.damaged)
            if output_format is Format.JSON:
                sys.stdout.write(offered.model_dump_json(indent=2) + "\n")
            else:
                render.print_offered(offered, output())
            return
        document = lessons_document(read, operator)
        if output_format is Format.JSON:
            sys.stdout.write(document.model_dump_json(indent=2) + "\n")
        else:
            render.print_lessons(document, folder, output())


def _budget(usd: str | None, rounds: int | None, tokens: int | None, minutes: float | None) -> Budget:
    from decimal import Decimal, InvalidOperation

    from pipeline.generation.budgets import Budget

    if usd is None and rounds is None and tokens is None and minutes is None:
        raise UsageError("a run needs a limit: --budget-usd, --rounds, --max-tokens or --minutes")
    try:
        dollars = None if usd is None else Decimal(usd)
        return Budget(rounds, tokens, dollars, None if minutes is None else 60 * minutes)
    except (InvalidOperation, ValueError):
        raise UsageError(f"--budget-usd is '{usd}' and --minutes {minutes}; numbers from 0 are needed") from None


@app.command("experiments")
def experiments_command(
    name: Annotated[str | None, typer.Argument(help="The experiment to show; all where none is named.")] = None,
    runs: RunsOption = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Show what experiments over prompts came to: success rate, cost and time by variant, with intervals.

    Variants are compared once each has the planned number of runs, and only their first runs of that number.
    """
    with _errors_in_words():
        settings = Settings.resolve(runs=runs)
        from pipeline.console import output

        try:
            from pipeline.experiments.reading import as_json, read_experiments
            from pipeline.render_experiments import print_experiments
        except ModuleNotFoundError as error:
            raise SdkUnavailable(
                f"experiments need the package '{error.name}': pip install 'kernelgate[generate]'"
            ) from None

        with _listening(None) as listener:
            document = read_experiments(settings.runs, name, listener.note)
        if output_format is Format.JSON:
            sys.stdout.write(as_json(document))
        else:
            print_experiments(document, output())


@app.command("doctor")
def doctor_command(output_format: FormatOption = Format.TABLE, sandbox: SandboxOption = None) -> None:
    """Show what this machine can do and what to do about each lack: exit 3 when it can't run the gate."""
    from pipeline import render
    from pipeline.console import output
    from pipeline.doctor import examine_machine

    with _errors_in_words():
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

    with _errors_in_words():
        settings = Settings.resolve(runs=runs, workers=workers)
        with _listening(None) as listener:
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

    with _errors_in_words(), _listening(None) as listener:
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


@contextmanager
def _listening(candidates: int | None) -> Iterator[StderrListener]:
    from pipeline.console import StderrListener

    listener = StderrListener(candidates)
    try:
        yield listener
    finally:
        listener.close()


if __name__ == "__main__":
    main()

"""`kernelgate generate`, `lessons` and `experiments`: models that write kernels. Parse, call one function, render."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.completing import complete_operators
from pipeline.commands.frame import (
    Format,
    FormatOption,
    ModeOption,
    OperatorsOption,
    PolicyOption,
    QuietOption,
    RunsOption,
    SandboxOption,
    errors_in_words,
    listening,
)
from pipeline.errors import UsageError
from pipeline.extras import needing_extra
from pipeline.settings import Mode, Settings

if TYPE_CHECKING:
    from pipeline.generation.budgets import Budget


def generate_command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="OPERATOR...",
            help="The operators that kernels are written for, at once.",
            autocompletion=complete_operators,
        ),
    ],
    roles: Annotated[
        Path, typer.Option(help="Who writes, improves and reviews (pipeline/generation/roles.py).")
    ] = Path("roles.yaml"),
    policy: PolicyOption = "ci",
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
    quiet: QuietOption = False,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
    sandbox: SandboxOption = None,
    mode: ModeOption = Mode.AUTO,
) -> None:
    """Have models write kernels, repair them by the gate's findings, and verify them: exit 0 when one stands.

    At least one limit is needed, for all operators together: --budget-usd, --rounds, --max-tokens or --minutes.
    """
    with errors_in_words():
        import os

        from policies.policy import load_policy

        settings, chosen = Settings.resolve(runs=runs, workers=1, sandbox=sandbox), load_policy(policy)
        budget = _budget(budget_usd, rounds, max_tokens, minutes)
        from pipeline.own_operators import load_operators
        from pipeline.rendering.console import output

        with needing_extra("generate"):
            from pipeline.generating.run import Place, generate
            from pipeline.generating.wanted import Wanted
            from pipeline.generation.loop.documents import as_text, document_of
            from pipeline.rendering.generation import print_generated

        known = load_operators(operators)
        wanted = Wanted(
            tuple(names), roles, budget, strategies=strategies, prices=prices, card=card, notes=notes, prompts=prompts,
            experiment=experiment, resume=resume, mode=mode, lessons=not no_lessons,
        )  # fmt: skip
        with listening(None, quiet=quiet) as listener:
            place = Place(settings, os.environ, known, listener.note, listener.warn)
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


def lessons_command(
    operator: Annotated[
        str | None, typer.Argument(help="What is known about this operator alone.", autocompletion=complete_operators)
    ] = None,
    offer: Annotated[
        Path | None,
        typer.Option(help="Write wrong kernels that an early check let pass as entries of a corpus in this folder."),
    ] = None,
    output_format: FormatOption = Format.TABLE,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
) -> None:
    """Rank what goes wrong when models write kernels, and what mended it; or offer wrong ones for a corpus."""
    with errors_in_words():
        from pipeline.own_operators import load_operators
        from pipeline.rendering.console import output

        with needing_extra("generate"):
            from pipeline.generation.lessons.entries import offer_to
            from pipeline.generation.lessons.offering import wrong_kernels
            from pipeline.generation.lessons.ranking import lessons_document
            from pipeline.generation.lessons.reading import read_about
            from pipeline.rendering import lessons as render

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


def experiments_command(
    name: Annotated[str | None, typer.Argument(help="The experiment to show; all where none is named.")] = None,
    runs: RunsOption = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Show what experiments over prompts came to: success rate, cost and time by variant, with intervals.

    Variants are compared once each has the planned number of runs, and only their first runs of that number.
    """
    with errors_in_words():
        settings = Settings.resolve(runs=runs)
        from pipeline.rendering.console import output

        with needing_extra("generate"):
            from pipeline.experiments.reading import as_json, read_experiments
            from pipeline.rendering.experiments import print_experiments

        with listening(None) as listener:
            document = read_experiments(settings.runs, name, listener.warn)
        if output_format is Format.JSON:
            sys.stdout.write(as_json(document))
        else:
            print_experiments(document, output())


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

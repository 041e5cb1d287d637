"""`kernelgate replay`: one failed case again. Parse, call one function, render."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command_frame import (
    OperatorsOption,
    QuietOption,
    RunArgument,
    RunsOption,
    SandboxOption,
    errors_in_words,
    listening,
)
from pipeline.completing import complete_cases
from pipeline.settings import Mode, Settings


def replay_command(
    run: RunArgument,
    case: Annotated[
        str, typer.Argument(help="A case's id, or a unique beginning of it.", autocompletion=complete_cases)
    ],
    operators: OperatorsOption = None,
    runs: RunsOption = None,
    sandbox: SandboxOption = None,
    mode: Annotated[
        Mode, typer.Option("--mode", help="auto: where it failed, or exit 3. cpu: on the interpreter. gpu: on the GPU.")
    ] = Mode.AUTO,
    quiet: QuietOption = False,
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
        with listening(1, quiet=quiet) as listener:
            replayed = replay(stored, settings, listener, known, mode)
        code = render.print_replay(replayed, output(), known)
    raise typer.Exit(code)

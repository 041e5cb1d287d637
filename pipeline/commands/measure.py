"""`kernelgate measure`: how often the gate is wrong. Parse, call one function, render."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.completing import complete_operators
from pipeline.commands.frame import (
    Format,
    FormatOption,
    OperatorsOption,
    PolicyOption,
    QuietOption,
    RunsOption,
    SandboxOption,
    SeedOption,
    WorkersOption,
    errors_in_words,
    listening,
)
from pipeline.settings import Settings


class LabelOption(StrEnum):
    """Which labels of a corpus are measured."""

    RIGHT = "right"
    WRONG = "wrong"
    HACK = "hack"
    HONEST = "honest"


def measure_command(
    corpus: Annotated[Path, typer.Argument(help="A folder of candidates with a labels.toml, a table a file.")],
    policy: PolicyOption = "ci",
    output_format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Measure this operator alone; repeatable.", autocompletion=complete_operators),
    ] = None,
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
        from pipeline.corpus.reading import read_corpus
        from pipeline.measuring.measure import Selection, choose, measure_corpus, measurement_as_json, warnings_of
        from pipeline.own_operators import load_operators
        from pipeline.rendering.console import output
        from pipeline.rendering.measure import print_measurement
        from pipeline.verification.verify import Options

        known = load_operators(operators)
        read = read_corpus(corpus, besides=() if operators is None else (operators,))
        selection = Selection(tuple(only or ()), tuple(entry.value for entry in label or ()))
        chosen = choose(read, selection, known)
        with listening(len(chosen), quiet=quiet) as listener:
            for warning in warnings_of(read):
                listener.warn(f"warning: {warning}")
            options = Options(seed=seed, noise=noise)
            measurement = measure_corpus(read, chosen, chosen_policy, settings, options, listener)
        if output_format is Format.JSON:
            sys.stdout.write(measurement_as_json(measurement))
        else:
            print_measurement(measurement, output())
    raise typer.Exit(measurement.exit_code)

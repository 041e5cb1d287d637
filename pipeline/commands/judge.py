"""`kernelgate judge RUN`: parse, call one function, render."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.commands.completing import complete_policies
from pipeline.commands.frame import Format, FormatOption, OperatorsOption, RunsOption, VerdictsArgument, errors_in_words


def judge_command(
    run: VerdictsArgument,
    policy: Annotated[
        str | None,
        typer.Option(
            help="dev, ci, production, or a policy file. Default: the policy of the run.",
            autocompletion=complete_policies,
        ),
    ] = None,
    output_format: FormatOption = Format.TABLE,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
) -> None:
    """Judge a stored run again, from its evidence alone: exit codes as verify. Nothing is run and nothing written."""
    with errors_in_words():
        from policies.policy import load_policy

        chosen = load_policy(policy) if policy is not None else None
        from pipeline.own_operators import load_operators
        from pipeline.rendering.console import output
        from pipeline.rendering.judge import print_rejudgement, rejudgement_as_json
        from pipeline.runs.places import read_place
        from pipeline.runs.rejudging import rejudge
        from pipeline.settings import Settings

        known = load_operators(operators)
        made = rejudge(read_place(Settings.resolve(runs=runs, workers=1).runs, run), chosen, known)
        if output_format is Format.JSON:
            sys.stdout.write(rejudgement_as_json(made))
        else:
            print_rejudgement(made, output())
    raise typer.Exit(made.exit_code)

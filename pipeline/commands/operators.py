"""`kernelgate operators`: what a candidate can implement, and how strong an operator's own test is."""

from __future__ import annotations

import sys
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
    SandboxOption,
    SeedOption,
    WorkersOption,
    errors_in_words,
    listening,
)
from pipeline.commands.help_pages import examples
from pipeline.errors import UsageError
from pipeline.settings import Settings

operators_app = typer.Typer(
    help="The operators that a candidate can implement; alone it lists them.",
    epilog=examples("kernelgate operators", "kernelgate operators --operators team/operators --format json"),
    invoke_without_command=True,
)


@operators_app.callback()
def operators_command(
    context: typer.Context, output_format: FormatOption = Format.TABLE, operators: OperatorsOption = None
) -> None:
    """List the operators that a candidate can implement."""
    if context.invoked_subcommand is not None:
        return
    with errors_in_words():
        from pipeline.own_operators import load_operators
        from pipeline.rendering.console import output
        from pipeline.rendering.operators import operators_as_json, print_operators

        known = load_operators(operators)
        if output_format is Format.JSON:
            sys.stdout.write(operators_as_json(known))
        else:
            print_operators(output(), known)


@operators_app.command(
    "check",
    epilog=examples(
        "kernelgate operators check softmax --degenerate-only",
        "kernelgate operators check softmax --kernels one.py --kernels two.py --record",
    ),
)
def operators_check_command(
    name: Annotated[
        str, typer.Argument(help="The operator whose test is examined.", autocompletion=complete_operators)
    ],
    kernels: Annotated[
        list[Path] | None,
        typer.Option("--kernels", help="A right kernel to mutate; repeatable. Default: two bundled ones, if any."),
    ] = None,
    mutants: Annotated[int, typer.Option(min=0, help="Mutants of each kernel; 0 is all of them.")] = 100,
    degenerate_only: Annotated[
        bool, typer.Option("--degenerate-only", help="Leave the mutants out: no container is needed.")
    ] = False,
    policy: PolicyOption = "ci",
    record: Annotated[
        bool, typer.Option("--record", help="Keep the answer: verifications put it with their evidence.")
    ] = False,
    output_format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
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
        from pipeline.gate.strength_records import record_strength
        from pipeline.measuring.strength import Question, as_evidence, check_operator, right_kernels
        from pipeline.own_operators import load_operators
        from pipeline.rendering.console import output
        from pipeline.rendering.strength import print_strength, strength_as_json

        known = load_operators(operators)
        if name not in known:
            raise UsageError(f"'{name}' is not an operator; see 'kernelgate operators'")
        files = () if degenerate_only else right_kernels(known[name], kernels or (), known)
        drawn = secrets.randbits(64) if seed is None else seed
        with listening(None, quiet=quiet) as listener:
            question = Question(known[name], files, chosen, drawn, mutants)
            strength = check_operator(question, settings, listener.note)
            if record:
                listener.note(f"recorded in {record_strength(known[name], as_evidence(strength, question))}")
        if output_format is Format.JSON:
            sys.stdout.write(strength_as_json(strength))
        else:
            print_strength(strength, output())
    raise typer.Exit(strength.exit_code)

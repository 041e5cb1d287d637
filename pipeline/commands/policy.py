"""`kernelgate policy`: check a policy file, compare two, explain a verdict. Parse, call one function, render."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.completing import complete_policies, complete_verdicts
from pipeline.commands.frame import Format, FormatOption, OperatorsOption, RunsOption, errors_in_words
from pipeline.commands.help_pages import examples

policy_app = typer.Typer(help="Policies: check one, compare two, explain a verdict.", no_args_is_help=True)


@policy_app.command(
    "check",
    epilog=examples(
        "kernelgate policy check team.yaml",
        "kernelgate policy check team.yaml --against ci --may-weaken properties.tf32",
    ),
)
def check_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files.")],
    against: Annotated[
        str | None,
        typer.Option(
            help="A policy that none may be weaker than. Default: the one that a file extends.",
            autocompletion=complete_policies,
        ),
    ] = None,
    may_weaken: Annotated[
        list[str] | None,
        typer.Option("--may-weaken", metavar="KEY", help="A field that may be weaker; it is still told. Repeatable."),
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Say all that is wrong with policy files: exit 1 for contradictions and what is weaker, 2 for what is no policy.

    Doubts are told and do not change the exit code.
    """
    with errors_in_words():
        from pipeline.rendering.console import output
        from pipeline.rendering.policy import checks_as_json, print_checks
        from policies.checking import check_policy
        from policies.policy import load_policy

        base = load_policy(against) if against is not None else None
        checked = tuple(check_policy(file, base) for file in files)
        allowed = frozenset(may_weaken or ())
        if output_format is Format.JSON:
            code = checks_as_json(checked, allowed, sys.stdout)
        else:
            code = print_checks(checked, allowed, output())
    raise typer.Exit(code)


@policy_app.command(
    "diff", epilog=examples("kernelgate policy diff ci production", "kernelgate policy diff ci team.yaml --format json")
)
def diff_command(
    first: Annotated[
        str, typer.Argument(help="dev, ci, production, or a policy file.", autocompletion=complete_policies)
    ],
    second: Annotated[
        str, typer.Argument(help="The policy that it is compared with.", autocompletion=complete_policies)
    ],
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Show each field whose resolved values differ, and which policy is stricter there."""
    with errors_in_words():
        from pipeline.rendering.console import output
        from pipeline.rendering.policy import differences_as_json, print_differences
        from policies.policy import load_policy

        one, other = load_policy(first), load_policy(second)
        if output_format is Format.JSON:
            sys.stdout.write(differences_as_json(one, other))
        else:
            print_differences(one, other, output())


@policy_app.command(
    "explain",
    epilog=examples(
        "kernelgate policy explain 20261129-071941-5e6cf53e",
        "kernelgate policy explain 20261129-071941-5e6cf53e/001-softmax-right_block",
    ),
)
def explain_command(
    verdict: Annotated[
        str,
        typer.Argument(
            metavar="VERDICT",
            help="A verdict.json, a candidate's folder, RUN/CANDIDATE, or RUN.",
            autocompletion=complete_verdicts,
        ),
    ],
    policy: Annotated[
        str | None,
        typer.Option(
            help="Explain the verdict under this policy instead of the stored one.", autocompletion=complete_policies
        ),
    ] = None,
    output_format: FormatOption = Format.TABLE,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
) -> None:
    """Say which rules decided, from which evidence, what would have had to be different, and what was satisfied."""
    with errors_in_words():
        from pipeline.own_operators import load_operators
        from pipeline.rendering.console import output
        from pipeline.rendering.explained import explanations_as_json, print_explanations
        from pipeline.runs.explained import explained
        from pipeline.settings import Settings
        from policies.policy import load_policy

        chosen = load_policy(policy) if policy is not None else None
        known = load_operators(operators)
        found = explained(Settings.resolve(runs=runs, workers=1).runs, verdict, chosen, known)
        if output_format is Format.JSON:
            sys.stdout.write(explanations_as_json(found))
        else:
            print_explanations(found, output())
    raise typer.Exit(found.exit_code)


@policy_app.command("schema", epilog=examples("kernelgate policy schema > facts.schema.json"))
def schema_command() -> None:
    """Print the JSON schema of the facts that rules of an organisation can name."""
    with errors_in_words():
        from pipeline.schemas.documents import as_text, facts_schema

        sys.stdout.write(as_text(facts_schema()))

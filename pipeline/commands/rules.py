"""`kernelgate rules`: the list of rules, or the page of one. Parse, call one function, render."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.commands.completing import complete_rules
from pipeline.commands.frame import Format, FormatOption, errors_in_words


def rules_command(
    rule: Annotated[
        str | None, typer.Argument(help="A rule's id, as in a finding; none lists them.", autocompletion=complete_rules)
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """List the rules, or show one: what it says, why, an example that trips it, and how to mend it."""
    with errors_in_words():
        from pipeline.errors import UsageError
        from pipeline.rendering.console import output
        from pipeline.rendering.rules import print_rule, print_rules, rules_as_json
        from policies.rules import RULES, rule_of

        found = None if rule is None else rule_of(rule)
        if rule is not None and found is None:
            near = [name for name in RULES if rule in name]
            hint = f"; near it are {', '.join(near)}" if near else "; see 'kernelgate rules'"
            raise UsageError(f"'{rule}' is not a rule{hint}")
        if output_format is Format.JSON:
            sys.stdout.write(rules_as_json(tuple(RULES.values()) if found is None else (found,)))
        elif found is None:
            print_rules(tuple(RULES.values()), output())
        else:
            print_rule(found, output())

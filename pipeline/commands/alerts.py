"""`kernelgate alerts`: parse, call one function, render."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.commands.frame import Format, FormatOption, errors_in_words
from pipeline.extras import needing_extra


def alerts_command(
    block: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE/NAME",
            help="The notification block of the server that is told (prefect block ls). Default: the server's events.",
        ),
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Have Prefect's server tell when a run died, is late or stuck, or found something; again: brings it up to date."""
    with errors_in_words():
        from pipeline.rendering.console import output

        with needing_extra("flow"):
            from pipeline.orchestration.prefect_alerts import make_alerts
        from pipeline.rendering.alerts import alerts_as_json, print_alerts

        made = make_alerts(block)
        if output_format is Format.JSON:
            sys.stdout.write(alerts_as_json(made))
        else:
            print_alerts(made, output())

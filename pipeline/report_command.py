"""`kernelgate report RUN`: parse, call one function, render."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.command_frame import RunsOption, errors_in_words, listening


def report_command(
    run: Annotated[str, typer.Argument(help="A run's id, or the path of its folder.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="The folder that the pages go into. Default: the run folder.")
    ] = None,
    runs: RunsOption = None,
) -> None:
    """Write the pages of a stored run again, and print the path of the first: exit 3 when one can't be made.

    'verify' and all that leaves a run folder has written them already. They need no server, network or script.
    """
    with errors_in_words():
        from pipeline.report_pages.stored import report_run
        from pipeline.report_pages.writing import say_lacking
        from pipeline.settings import Settings
        from pipeline.stored_runs import read_run

        stored = read_run(Settings.resolve(runs=runs, workers=1).runs, run)
        made = report_run(stored, output)
        with listening(None) as listener:
            for one in made.damaged:
                listener.note(f"{one.name} has no page: {one.problem}")
        say_lacking(stored.folder.name, made.lacking)
        if made.page is not None:
            sys.stdout.write(f"{made.page}\n")
    raise typer.Exit(made.exit_code)

"""`kernelgate report RUN`: parse, call one function, render."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.frame import QuietOption, RunArgument, RunsOption, errors_in_words, listening
from pipeline.errors import UsageError


def report_command(
    run: RunArgument,
    output: Annotated[
        Path | None, typer.Option("--output", help="The folder that the pages go into. Default: the run folder.")
    ] = None,
    runs: RunsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write the pages of a stored run again, and print the path of the first: exit 3 when one can't be made.

    'verify' and all that leaves a run folder has written them already. They need no server, network or script.
    """
    with errors_in_words():
        from pipeline.report_pages.stored import report_run
        from pipeline.report_pages.writing import say_lacking
        from pipeline.runs.places import place_of, read_place
        from pipeline.settings import Settings

        folder = Settings.resolve(runs=runs, workers=1).runs
        place = place_of(folder, run)
        if place.candidate is not None:
            raise UsageError(f"the pages of a run are made together: name the run, {place.folder}")
        stored = read_place(folder, run)
        made = report_run(stored, output)
        with listening(None, quiet=quiet) as listener:
            for one in made.damaged:
                listener.note(f"{one.name} has no page: {one.problem}")
        say_lacking(stored.folder.name, made.lacking)
        if made.page is not None:
            sys.stdout.write(f"{made.page}\n")
    raise typer.Exit(made.exit_code)

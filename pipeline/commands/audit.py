"""`kernelgate audit`: parse, call one function, render."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from pipeline.audit.kinds import Kind
from pipeline.commands.completing import complete_runs
from pipeline.commands.frame import QuietOption, RunsOption, day_given, errors_in_words, listening
from pipeline.errors import UsageError
from pipeline.exit_codes import ALLOWED, INCOMPLETE


class AuditFormat(StrEnum):
    """How an audit is printed."""

    TABLE = "table"
    JSONL = "jsonl"


def audit_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Ids of runs, or paths of their folders; default: all.",
            autocompletion=complete_runs,
        ),
    ] = None,
    candidate: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Only the candidate whose SHA-256 begins with this.")
    ] = None,
    since: Annotated[
        date | None,
        typer.Option(parser=day_given, metavar="DATE", help="Only runs from this day on (YYYY-MM-DD, UTC)."),
    ] = None,
    operator: Annotated[str | None, typer.Option(help="Only candidates for this operator.")] = None,
    only: Annotated[list[Kind] | None, typer.Option(help="Only facts of this kind; repeatable.")] = None,
    output_format: Annotated[
        AuditFormat, typer.Option("--format", help="A table for people, or a line of JSON for each fact on stdout.")
    ] = AuditFormat.TABLE,
    runs: RunsOption = None,
    quiet: QuietOption = False,
) -> None:
    """List what candidates tried, across runs, and whose word each fact is: exit 3 where a run is damaged.

    Denied imports and other findings in the source with their lines; calls that the system-call filter refused, where
    the kernel logs them; memory, processes, outputs and files, as measured outside. Nothing is run and nothing written.
    """
    with errors_in_words():
        from pipeline.audit.reading import Selection, begin_audit
        from pipeline.settings import Settings

        selection = Selection(
            runs=tuple(names or ()),
            digest=candidate,
            since=since,
            operator=operator,
            only=frozenset(only or ()),
        )
        with listening(None, quiet=quiet) as listener:
            audit = begin_audit(Settings.resolve(runs=runs, workers=1).runs, selection, listener.note)
            if output_format is AuditFormat.JSONL:
                for one in audit.candidates():
                    sys.stdout.writelines(event.as_line() for event in one.events)
            else:
                from pipeline.rendering.audit import print_audit
                from pipeline.rendering.console import output

                print_audit(audit, output())
        if not audit.audited and not audit.damaged:
            raise UsageError("no candidate of these runs is what was asked for")
    raise typer.Exit(INCOMPLETE if audit.damaged else ALLOWED)

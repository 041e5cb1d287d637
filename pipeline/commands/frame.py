"""What every command shares: the form of its output, common options, and errors as one message and an exit code.

Nobody sees a traceback for a wrong argument, a missing engine, a bad candidate or a bad policy file.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pipeline.commands.completing import complete_policies, complete_runs, complete_verdicts
from pipeline.errors import PromotionDenied, UnavailableError, UserError
from pipeline.exit_codes import DENIED, INCOMPLETE, USAGE
from pipeline.log_format import json_handler, log_error
from pipeline.settings import WORKERS_CAP, Mode, SandboxKind
from sandbox.printable import printable_lines

if TYPE_CHECKING:
    from pipeline.rendering.json_listener import JsonListener
    from pipeline.rendering.listening import StderrListener


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="A table for people, or JSON on stdout.")]
RunsOption = Annotated[Path | None, typer.Option("--runs", help="Where run folders go (KERNELGATE_RUNS; ./runs).")]
OperatorsOption = Annotated[
    Path | None,
    typer.Option("--operators", help="A folder whose Python files declare operators of your own; they are trusted."),
]


PolicyOption = Annotated[
    str, typer.Option("--policy", help="dev, ci, production, or a policy file.", autocompletion=complete_policies)
]
RunArgument = Annotated[
    str, typer.Argument(help="A run's id, or the path of its folder.", autocompletion=complete_runs)
]
VerdictsArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run's id, or the path of its folder; with /CANDIDATE one of its candidates.",
        autocompletion=complete_verdicts,
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress on stderr: only results, warnings and errors.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=WORKERS_CAP, help="Candidates at once (KERNELGATE_WORKERS; one a core)."),
]
SeedOption = Annotated[int | None, typer.Option(min=0, help="Fix what the judge draws; for experiments only.")]
SandboxOption = Annotated[
    SandboxKind | None,
    typer.Option(
        "--sandbox",
        help="docker: containers of an engine. embedded: namespaces without one, enough for policy dev alone. "
        "(KERNELGATE_SANDBOX; docker)",
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option(
        "--mode",
        help="auto: on the GPU too, where the policy asks for it and there is one. cpu: never. gpu: or exit 3.",
    ),
]


def day_given(text: str) -> date:
    """The day that the text of an option names.

    Raises:
        BadParameter: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; it is written YYYY-MM-DD") from None


@contextmanager
def listening(candidates: int | None, *, quiet: bool = False) -> Iterator[StderrListener | JsonListener]:
    """A listener that tells on stderr how a run goes; `candidates` is how many there are, None where nobody knows."""
    from pipeline.rendering.json_listener import JsonListener
    from pipeline.rendering.listening import StderrListener, ticking

    if json_handler() is not None:
        yield JsonListener(quiet=quiet)
        return
    listener = StderrListener(candidates, quiet=quiet)
    try:
        with ticking(listener):
            yield listener
    finally:
        listener.close()


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turns what can go wrong on our side into one message and an exit code."""
    from policies.errors import PolicyError
    from policies.organisation_rules import CelMissing
    from sandbox.contract import SandboxUnavailable  # pydantic, which completion has no time for

    try:
        yield
    except PromotionDenied as error:
        _leave(str(error), DENIED)
    except (UserError, PolicyError) as error:
        _leave(str(error), USAGE)
    except (UnavailableError, SandboxUnavailable, CelMissing) as error:
        _leave(str(error), INCOMPLETE)
    except BrokenPipeError as error:
        lost_stdout(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            _bug()
        _leave("no space is left where something had to be written (the disk, or what stdout is)", INCOMPLETE)
    except KeyboardInterrupt:
        _leave_interrupted()
    except Exception as error:  # noqa: BLE001  # our own bug must not look like a verdict, as the exit code 1 would
        if _is_interrupt(error):
            _leave_interrupted()
        _bug()


@contextmanager
def results_delivered() -> Iterator[None]:
    """Flushes stdout at the end: results that nobody could get are no success, whatever was decided."""
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            lost_stdout(error)


def lost_stdout(error: OSError) -> NoReturn:
    """Ends the program where stdout takes no more: a pipe that its reader closed, a full disk."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter says it again, at its end
    if not isinstance(error, BrokenPipeError):
        typer.secho(f"kernelgate: stdout can't be written: {error.strerror}", err=True)
    raise SystemExit(INCOMPLETE)


def _is_interrupt(error: Exception) -> bool:
    """Whether an interrupt came in a function that pydantic serializes with: its error names it, and is none itself."""
    return type(error).__name__ == "PydanticSerializationError" and KeyboardInterrupt.__name__ in str(error)


def _leave_interrupted() -> NoReturn:
    _leave("interrupted: the run was not stored", INCOMPLETE)


def _bug() -> NoReturn:
    if not log_error("a bug of kernelgate", traceback=True):
        traceback.print_exc()
    _leave("this is a bug of kernelgate; no verdict follows from it", INCOMPLETE)


def _leave(message: str, code: int) -> NoReturn:
    if log_error(message):
        raise typer.Exit(code)
    with suppress(OSError):  # nobody reads it; the exit code says as much
        typer.secho(
            f"kernelgate: {printable_lines(message)}", err=True, fg=typer.colors.RED if sys.stderr.isatty() else None
        )
    raise typer.Exit(code)

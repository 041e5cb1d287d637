"""What every command shares: the form of its output, common options, and errors as one message and an exit code.

Nobody sees a traceback for a wrong argument, a missing engine, a bad candidate or a bad policy file.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.errors import SdkUnavailable, UnavailableError, UserError
from pipeline.exit_codes import INCOMPLETE, USAGE
from pipeline.settings import Mode, SandboxKind
from sandbox.contract import SandboxUnavailable
from sandbox.printable import printable_lines

if TYPE_CHECKING:
    from pipeline.console import StderrListener

OURS: Final = ("pipeline", "policies", "runners", "sandbox")


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


@contextmanager
def listening(candidates: int | None) -> Iterator[StderrListener]:
    """A listener that tells on stderr how a run goes; `candidates` is how many there are, None where nobody knows."""
    from pipeline.console import StderrListener

    listener = StderrListener(candidates)
    try:
        yield listener
    finally:
        listener.close()


@contextmanager
def needing_extra(extra: str) -> Iterator[None]:
    """Says what to install where a package of an extra is missing; a module of our own that is missing is a bug."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OURS:
            raise
        raise SdkUnavailable(f"this needs the package '{error.name}': pip install 'kernelgate[{extra}]'") from None


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turns what can go wrong on our side into one message and an exit code."""
    from policies.organisation_rules import CelMissing
    from policies.policy import PolicyError

    try:
        yield
    except (UserError, PolicyError) as error:
        _leave(str(error), USAGE)
    except (UnavailableError, SandboxUnavailable, CelMissing) as error:
        _leave(str(error), INCOMPLETE)
    except KeyboardInterrupt:
        _leave("interrupted: the run was not stored", INCOMPLETE)
    except Exception:  # noqa: BLE001  # our own bug must not look like a verdict, which the interpreter's exit code 1 would
        traceback.print_exc()
        _leave("this is a bug of kernelgate; no verdict follows from it", INCOMPLETE)


def _leave(message: str, code: int) -> None:
    typer.secho(
        f"kernelgate: {printable_lines(message)}", err=True, fg=typer.colors.RED if sys.stderr.isatty() else None
    )
    raise typer.Exit(code)

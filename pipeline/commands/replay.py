"""`kernelgate replay`: one failed case again. Parse, call one function, render."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.commands.completing import complete_cases
from pipeline.commands.frame import (
    OperatorsOption,
    QuietOption,
    RunArgument,
    RunsOption,
    SandboxOption,
    errors_in_words,
    listening,
)
from pipeline.errors import StoredRunError, UsageError
from pipeline.extras import needing_extra
from pipeline.settings import Mode, Settings

if TYPE_CHECKING:
    from pipeline.runs.folder import StoredCase

PERHAPS_A_KERNEL: Final = re.compile(r"[0-9a-f]{4,64}")


def replay_command(
    run: RunArgument,
    case: Annotated[
        str, typer.Argument(help="A case's id, or a unique beginning of it.", autocompletion=complete_cases)
    ],
    operators: OperatorsOption = None,
    runs: RunsOption = None,
    sandbox: SandboxOption = None,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            metavar="WHERE",
            help="A case that an application found, from this registry's log: RUN is the kernel's digest then.",
        ),
    ] = None,
    mode: Annotated[
        Mode, typer.Option("--mode", help="auto: where it failed, or exit 3. cpu: on the interpreter. gpu: on the GPU.")
    ] = Mode.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Run one failed case again, where it failed, and show its first wrong elements: exit 1 when it still fails."""
    with errors_in_words():
        from pipeline.own_operators import load_operators
        from pipeline.rendering import results as render
        from pipeline.rendering.console import output
        from pipeline.verification.replay import replay

        if registry is not None and runs is not None:
            raise UsageError("--registry and --runs are two places for a case; name one")
        settings = Settings.resolve(runs=runs, workers=1, sandbox=sandbox)
        known = load_operators(operators)
        with _stored(run, case, settings.runs, registry, quiet=quiet) as stored:
            with listening(1, quiet=quiet) as listener:
                replayed = replay(stored, settings, listener, known, mode)
            code = render.print_replay(replayed, output(), known)
    raise typer.Exit(code)


@contextmanager
def _stored(run: str, case: str, runs: Path, registry: str | None, *, quiet: bool) -> Iterator[StoredCase]:
    if registry is None:
        from pipeline.runs.folder import find_case

        try:
            yield find_case(runs, run, case)
        except StoredRunError as error:
            if not PERHAPS_A_KERNEL.fullmatch(run):
                raise
            raise StoredRunError(
                f"{error}; a case of kernel {run} in a registry is run with --registry WHERE"
            ) from None
        return
    with needing_extra("registry"):
        from pipeline.registry.cases import case_in
        from pipeline.registry.contract import open_registry
        from pipeline.registry.progress import Progress

        with tempfile.TemporaryDirectory() as folder:
            with closing(open_registry(registry, Progress(quiet=quiet))) as opened:
                found = case_in(opened, run, case, Path(folder))
            yield found

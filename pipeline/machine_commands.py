"""`kernelgate doctor`, `demo` and `image`: this machine, and a first look. Parse, call one function, render."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.command_frame import (
    Format,
    FormatOption,
    QuietOption,
    RunsOption,
    SandboxOption,
    WorkersOption,
    errors_in_words,
    listening,
)
from pipeline.exit_codes import ALLOWED, INCOMPLETE
from pipeline.help_pages import examples
from pipeline.settings import Settings

image_app = typer.Typer(help="The image that runners are started from.", no_args_is_help=True)


def doctor_command(output_format: FormatOption = Format.TABLE, sandbox: SandboxOption = None) -> None:
    """Show what this machine can do and what to do about each lack: exit 3 when it can't run the gate."""
    from pipeline import render
    from pipeline.console import output
    from pipeline.doctor import examine_machine

    with errors_in_words():
        signs = examine_machine(Settings.resolve(sandbox=sandbox))
        if output_format is Format.JSON:
            sys.stdout.write(render.signs_as_json(signs))
        else:
            render.print_signs(signs, output())
    raise typer.Exit(ALLOWED if all(sign.fine for sign in signs if sign.needed) else INCOMPLETE)


def demo_command(workers: WorkersOption = None, runs: RunsOption = None, quiet: QuietOption = False) -> None:
    """Run the flow over a dozen bundled kernels: exit 0 when each gets the verdict that its label says."""
    from pipeline import render
    from pipeline.console import output
    from pipeline.demo import run_demo
    from policies.policy import load_policy

    with errors_in_words():
        settings = Settings.resolve(runs=runs, workers=workers)
        with listening(None, quiet=quiet) as listener:
            demo = run_demo(settings, load_policy("ci"), listener)
        render.print_demo(demo, output())
    raise typer.Exit(demo.exit_code)


@image_app.command(
    "build", epilog=examples("kernelgate image build", "kernelgate image build --with liger-kernel==0.6.2")
)
def image_build_command(
    packages: Annotated[
        list[str] | None, typer.Option("--with", help="A pinned package that candidates may import; repeatable.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Build the runner image of this checkout, or say that it is there."""
    from pipeline.engine import answering_engine
    from pipeline.runner_image import ensure_runner_image

    with errors_in_words(), listening(None, quiet=quiet) as listener:
        settings = Settings.resolve()
        image = ensure_runner_image(answering_engine(), settings, tuple(packages or ()), listener.note)
        sys.stdout.write(f"{image.tag}\n")

"""`kernelgate doctor`, `status`, `prune`, `demo` and `image`: this machine. Parse, call one function, render."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from pipeline.commands.frame import (
    Format,
    FormatOption,
    QuietOption,
    RunsOption,
    SandboxOption,
    WorkersOption,
    errors_in_words,
    listening,
)
from pipeline.commands.help_pages import examples
from pipeline.exit_codes import ALLOWED, INCOMPLETE
from pipeline.settings import Settings

image_app = typer.Typer(help="The images that runners and judges are started from.", no_args_is_help=True)


def doctor_command(output_format: FormatOption = Format.TABLE, sandbox: SandboxOption = None) -> None:
    """Show what this machine can do and what to do about each lack: exit 3 when it can't run the gate."""
    from pipeline.rendering.console import output
    from pipeline.rendering.signs import print_signs, signs_as_json
    from pipeline.status.doctor import examine_machine

    with errors_in_words():
        signs = examine_machine(Settings.resolve(sandbox=sandbox))
        if output_format is Format.JSON:
            sys.stdout.write(signs_as_json(signs))
        else:
            print_signs(signs, output())
    raise typer.Exit(ALLOWED if all(sign.fine for sign in signs if sign.needed) else INCOMPLETE)


def status_command(
    last: Annotated[int, typer.Option(min=0, max=1000, help="How many of the runs that have ended are shown.")] = 5,
    output_format: FormatOption = Format.TABLE,
    runs: RunsOption = None,
    sandbox: SandboxOption = None,
) -> None:
    """Show what is happening on this machine and what is left: exit 3 when somebody has to look at something.

    Runs under way and ended, engine and containers, slots, GPUs, Prefect's server, the registry, the disk.
    """
    from pipeline.registry.progress import Progress
    from pipeline.rendering.console import output
    from pipeline.rendering.status import print_status, status_as_json
    from pipeline.status.looking import look

    with errors_in_words():
        status = look(Settings.resolve(runs=runs, sandbox=sandbox), last, Progress(quiet=False))
        if output_format is Format.JSON:
            sys.stdout.write(status_as_json(status))
        else:
            print_status(status, output())
    raise typer.Exit(ALLOWED if status.is_fine else INCOMPLETE)


def prune_command(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="What is older goes: 36h, 90d, 12w.")
    ] = None,
    larger_than: Annotated[
        str | None,
        typer.Option(
            "--larger-than", metavar="SIZE", help="The oldest go until all together is no larger: 500MB, 20GB."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and delete nothing.")] = False,
    output_format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    runs: RunsOption = None,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            metavar="WHERE",
            help="What its kernels rest on stays: a path or postgresql://… (KERNELGATE_REGISTRY; "
            "./kernelgate-registry.db, where it is).",
        ),
    ] = None,
) -> None:
    """Delete old run folders and caches: exit 3 when something could not be deleted, or nothing may be.

    Never what is under way, what an approved kernel rests on, or what kernelgate did not make. Where a registry is
    named and can't be read, nothing is deleted. Old images are another command's: kernelgate image prune.
    """
    from pipeline.registry.naming import VARIABLE
    from pipeline.rendering.console import output
    from pipeline.rendering.prune import print_pruned, pruned_as_json
    from pipeline.retention.limits import limits
    from pipeline.retention.pruning import prune

    with errors_in_words():
        chosen, settings = limits(older_than, larger_than), Settings.resolve(runs=runs)
        with listening(None, quiet=quiet) as listener:
            environment = os.environ if registry is None else os.environ | {VARIABLE: registry}
            pruned = prune(settings, chosen, listener.note, dry_run=dry_run, environment=environment)
        if output_format is Format.JSON:
            sys.stdout.write(pruned_as_json(pruned))
        else:
            print_pruned(pruned, output())
    raise typer.Exit(ALLOWED if pruned.is_complete else INCOMPLETE)


def demo_command(workers: WorkersOption = None, runs: RunsOption = None, quiet: QuietOption = False) -> None:
    """Run the flow over a dozen bundled kernels: exit 0 when each gets the verdict that its label says."""
    from pipeline.measuring.demo import run_demo
    from pipeline.rendering import results as render
    from pipeline.rendering.console import output
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
    from pipeline.machine.engine import answering_engine
    from pipeline.machine.runner_image import ensure_runner_image

    with errors_in_words(), listening(None, quiet=quiet) as listener:
        settings = Settings.resolve()
        image = ensure_runner_image(answering_engine(), settings, tuple(packages or ()), listener.note)
        sys.stdout.write(f"{image.tag}\n")


@image_app.command(
    "prune",
    epilog=examples("kernelgate image prune --dry-run", "kernelgate image prune --keep 2 --older-than 30d -q"),
)
def image_prune_command(
    keep: Annotated[
        int, typer.Option(min=0, max=1000, help="So many of each repository stay besides, the newest.")
    ] = 0,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="What is younger stays: 36h, 90d, 12w.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and remove nothing.")] = False,
    output_format: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Remove images that earlier states of the sources left on the engine: exit 3 when one could not be removed.

    Never what this checkout uses as it is, what a container was made from, what another image stands on, or what
    kernelgate did not build. Another checkout on this machine builds its own again, and a Docker work pool goes on
    asking for the judge's image that its template names.
    """
    from pipeline.rendering.console import output
    from pipeline.rendering.images import print_pruned_images, pruned_images_as_json
    from pipeline.retention.images import Bounds, prune_images
    from pipeline.retention.limits import age

    with errors_in_words():
        bounds = Bounds(keep, None if older_than is None else age(older_than))
        with listening(None, quiet=quiet) as listener:
            pruned = prune_images(Settings.resolve(), bounds, listener.note, dry_run=dry_run)
        if output_format is Format.JSON:
            sys.stdout.write(pruned_images_as_json(pruned))
        else:
            print_pruned_images(pruned, output())
    raise typer.Exit(ALLOWED if pruned.is_complete else INCOMPLETE)

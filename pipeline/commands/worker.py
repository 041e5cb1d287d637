"""`kernelgate worker`: parse, call one function."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands.frame import QuietOption, WorkersOption, errors_in_words, listening
from pipeline.extras import needing_extra


def worker_command(
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The Dask scheduler, tcp://HOST:8786 (KERNELGATE_SCHEDULER).")
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Offer this machine's GPU, too.")] = False,
    gpu_only: Annotated[bool, typer.Option("--gpu-only", help="Offer the GPU, and nothing else.")] = False,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure for flows of other machines, until it is stopped. Needs the engine and the checkout that they have."""
    with errors_in_words(), needing_extra("dask"), listening(None, quiet=quiet) as listener:
        from pipeline.errors import UsageError
        from pipeline.settings import Settings

        settings = Settings.resolve(workers=workers)
        address = scheduler or settings.scheduler
        if not address:
            raise UsageError("which scheduler? Name it with --scheduler tcp://HOST:8786, or KERNELGATE_SCHEDULER")
        if gpu or gpu_only:
            from pipeline.machine.gpu_access import GpuSettings
            from pipeline.supply.gpu_opening import gpu_lacking
            from sandbox.contract import SandboxUnavailable

            if (problem := gpu_lacking(settings, GpuSettings.resolve())) is not None:
                raise SandboxUnavailable(f"{'--gpu-only' if gpu_only else '--gpu'}: {problem}")
        from pipeline.orchestration.prefect_environment import prepare

        prepare(settings.state)
        from pipeline.fleet.worker import work

        work(address, settings.workers, gpu=gpu or gpu_only, cpu=not gpu_only, report=listener.note)

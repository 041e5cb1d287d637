"""A worker process: a Dask worker that offers as many slots as it may measure candidates at once, for its judge.

It has no nanny: what starts services on the machine (systemd, a container's restart policy) starts it again, and the
scheduler gives what it was at to others meanwhile. Dask's wire carries pickles: scheduler and workers belong into a
network, or behind TLS, where only the judges are. A candidate is bytes in a file there, and is run in a container.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from typing import Final

from distributed import Worker

from pipeline.errors import FlowUnavailable
from pipeline.fleet.identity import judge_here, resource
from pipeline.fleet.workplace import WORKPLACES
from pipeline.telemetry.opening import machine_recorder

ANSWERS_S: Final = 60  # without it Dask asks for ever; what keeps the worker alive asks again


def work(scheduler: str, slots: int, *, gpu: bool, cpu: bool, report: Callable[[str], None]) -> None:
    """Works until SIGINT or SIGTERM, or until the scheduler is gone for good.

    Args:
        slots: Candidates measured at once without a GPU; on a GPU it is one.

    Raises:
        FlowUnavailable: the scheduler does not answer.
    """
    judge = judge_here()
    offers: dict[str, float] = {resource("cpu", judge): slots} if cpu else {}
    if gpu:
        offers[resource("gpu", judge)] = 1
    name = f"{socket.gethostname()}-{os.getpid()}"
    with machine_recorder(os.environ, report) as recorder:
        WORKPLACES.recorded_by(recorder)
        try:
            asyncio.run(_serve(scheduler, name, slots + int(gpu), offers, report))
        finally:
            WORKPLACES.close()


async def _serve(
    scheduler: str, name: str, threads: int, offers: dict[str, float], report: Callable[[str], None]
) -> None:
    worker = Worker(
        scheduler, nthreads=threads, name=name, resources=offers, memory_limit=0, dashboard=False, silence_logs=True,
        death_timeout=ANSWERS_S,
    )  # fmt: skip
    try:
        await worker
    except (OSError, TimeoutError) as error:
        raise FlowUnavailable(f"the Dask scheduler at {scheduler} does not answer: {error}") from None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: loop.create_task(worker.close()))
    report(f"worker {name} offers {', '.join(f'{count} of {what}' for what, count in offers.items())}")
    await worker.finished()

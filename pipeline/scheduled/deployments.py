"""Deployments served by one process: which flow runs when, with what, under a name that a person understands.

The process asks the server for runs that are due and starts each as a process of its own. It needs a server that stays,
because a schedule is the server's. Where the process ends, schedules stay: what falls due meanwhile is late, and is run
when it is back. Two runs of one deployment at once would measure the same twice: the later one waits. (Cancelling it
would lose a night where the slot is that of a run that was killed, which Prefect frees some minutes later.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from pipeline.orchestration.prefect_connection import server  # isort: skip  # before Prefect is imported

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL
from prefect.types.entrypoint import EntrypointType
from pydantic import BaseModel

from pipeline.errors import UsageError
from pipeline.reporting import Report
from pipeline.scheduled.served_elsewhere import served_elsewhere

TAG: Final = "kernelgate"
ONE_AT_A_TIME: Final = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
NO_SERVER: Final = (
    "schedules need a Prefect server that stays, and none is named: start one with 'prefect server start', and set "
    "PREFECT_API_URL=http://127.0.0.1:4200/api"
)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A flow under a schedule.

    Attributes:
        name: Of the deployment; `tag` is what its runs are about.
        parameters: What the flow is given.
    """

    flow: Flow[..., Any]
    name: str
    tag: str
    schedule: Schedule
    parameters: Mapping[str, BaseModel]

    @property
    def made(self) -> RunnerDeployment:
        """As Prefect serves it; nothing is sent."""
        given = {key: model.model_dump(mode="json", exclude_none=True) for key, model in self.parameters.items()}
        made = self.flow.to_deployment(
            self.name,
            schedule=self.schedule,
            parameters=given,
            tags=[TAG, self.tag],
            concurrency_limit=ONE_AT_A_TIME,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        return cast("RunnerDeployment", made)


def schedule_of(cron: str, timezone: str) -> Schedule:
    """Reads a schedule.

    Args:
        cron: Minute, hour, day, month and day of the week.
        timezone: As in IANA's list: `Europe/Berlin`.

    Raises:
        UsageError: one of both can't be read.
    """
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # the first: there is none; the others: it is no name of one
        raise UsageError(f"'{timezone}' is no time zone; a name such as Europe/Berlin is needed") from None
    try:
        return Cron(cron, timezone=timezone)
    except ValueError as error:
        raise UsageError(f"'{cron}' is no schedule; five fields as in '0 1 * * *' are needed ({error})") from None


def _server_that_stays() -> str:
    url: str | None = PREFECT_API_URL.value()
    if url is None:
        raise UsageError(NO_SERVER)
    return url


def serve_all(deployed: Sequence[Deployed], report: Report, warn: Report) -> None:
    """Registers deployments, and serves them until this is interrupted.

    Args:
        warn: Hears of those that another process serves, too.

    Raises:
        UsageError: no server is named.
        FlowUnavailable: it does not answer.
    """
    url = _server_that_stays()
    with server():
        for name in served_elsewhere([f"{one.flow.name}/{one.name}" for one in deployed], report):
            warn(
                f"another process serves '{name}': from now on both start its runs, by the schedule and with the "
                "parameters of this one; end one of the two"
            )
        for one in deployed:
            report(f"serving '{one.flow.name}/{one.name}' by '{one.schedule.cron}' ({one.schedule.timezone})")
        report(
            f"runs are shown at {PREFECT_UI_URL.value() or url}; Ctrl-C ends this, and the schedules stay until "
            "'prefect deployment delete NAME'"
        )
        with suppress(asyncio.CancelledError, KeyboardInterrupt):
            asyncio.run(_serve([one.made for one in deployed]))


class _Runner(Runner):
    """Prefect's, which ends at SIGTERM as at Ctrl-C: its own handler leaves the loop with an exception."""

    def handle_sigterm(self, *_: object) -> None:
        task, loop = self.serving, self.serving.get_loop()
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)  # it may be asleep

    serving: asyncio.Task[Any]


async def _serve(deployments: Sequence[RunnerDeployment]) -> None:
    runner = _Runner(pause_on_shutdown=False)
    serving = asyncio.current_task()
    assert serving is not None
    runner.serving = serving
    for one in deployments:
        await runner.aadd_deployment(one)
    await runner.start()

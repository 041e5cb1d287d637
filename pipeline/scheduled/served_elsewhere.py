"""Whether another process serves a deployment: the server notes when it was last asked for runs that are due.

A time alone would not tell a process that serves from one that ended a moment ago, as whenever a service is started
again. So where it is recent, it is looked at until somebody asks again, or did not for longer than a process takes.
That costs whoever starts again some seconds, and nobody else. The clock is the server's where two times are compared.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_RUNNER_POLL_FREQUENCY

from pipeline.reporting import Report

RECENT: Final = 3.0  # times the interval in which a process asks
WAITED: Final = 1.5
LOOKS_S: Final = 0.5


def served_elsewhere(names: Sequence[str], report: Report) -> tuple[str, ...]:
    """Returns which of the deployments FLOW/NAME another process asks for runs, now.

    Args:
        report: Hears of it where that takes a while.
    """
    interval_s = float(PREFECT_RUNNER_POLL_FREQUENCY.value())
    with get_client(sync_client=True) as client:
        before = {name: asked for name in names if _is_recent(asked := _last_asked(client, name), interval_s)}
        if before:
            report(
                f"looking for at most {WAITED * interval_s:.0f} s whether another process still serves "
                f"{', '.join(map(repr, before))}, which was served a moment ago"
            )
        ends = time.monotonic() + WAITED * interval_s
        found: set[str] = set()
        while len(found) < len(before) and time.monotonic() < ends:
            time.sleep(LOOKS_S)
            found |= {name for name, asked in before.items() if _last_asked(client, name) != asked}
    return tuple(name for name in before if name in found)


def _last_asked(client: SyncPrefectClient, name: str) -> datetime | None:
    try:
        return client.read_deployment_by_name(name).last_polled
    except ObjectNotFound:
        return None


def _is_recent(asked: datetime | None, interval_s: float) -> bool:
    return asked is not None and datetime.now(UTC) - asked < timedelta(seconds=RECENT * interval_s)

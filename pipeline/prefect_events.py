"""Events of task runs, sent to Prefect's server without waiting for one that is gone.

Prefect's own client tries for seven seconds to reach the server for each event, and the process does not end before the
last: with a server that was killed, a run of a thousand candidates would hang for hours after its verdicts. Here one
event pays for all of the next half minute. Events are kept, as Prefect keeps those that were not confirmed, and sent
when the server is back.
"""

from __future__ import annotations

import time
from typing import Any, Final

from prefect.events import Event
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, PREFECT_CLOUD_API_URL

PAUSE_S: Final = 30.0


class BriefEventsClient(PrefectEventsClient):
    """Prefect's client, which after a failure does not try again for half a minute."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._gone_until = 0.0

    async def _emit(self, event: Event) -> None:
        if self._websocket is None and time.monotonic() < self._gone_until:
            self._unconfirmed_events.append(event)
            return
        try:
            await super()._emit(event)
        except Exception:
            self._gone_until = time.monotonic() + PAUSE_S
            raise


def send_briefly() -> None:
    """Makes this process send its events so; Prefect's cloud has a client of its own."""
    url = PREFECT_API_URL.value()
    if url is None or not url.startswith(PREFECT_CLOUD_API_URL.value()):
        EventsWorker.set_client_override(BriefEventsClient)

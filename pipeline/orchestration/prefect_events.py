"""Events of task runs, sent to Prefect's server without waiting for one that is gone.

Prefect's own client tries for seven seconds to reach the server for each event, and the process does not end before the
last: with a server that was killed, a run of a thousand candidates would hang for hours after its verdicts. Here one
event pays for all of the next half minute. Events are kept, as Prefect keeps those that were not confirmed, and sent
when the server is back.

The method is replaced in Prefect's own class: events are emitted for a client of exactly that type (`emit_event`).
"""

from __future__ import annotations

import time
from typing import Final

from prefect.events import Event
from prefect.events.clients import PrefectEventsClient

PAUSE_S: Final = 30.0
GONE_UNTIL: Final = "_kernelgate_gone_until"


def send_briefly() -> None:
    """Makes this process send its events so, from now on; once a process."""
    patiently = PrefectEventsClient._emit

    async def emit(self: PrefectEventsClient, event: Event) -> None:
        if self._websocket is None and time.monotonic() < getattr(self, GONE_UNTIL, 0.0):
            self._unconfirmed_events.append(event)
            return
        try:
            await patiently(self, event)
        except Exception:
            setattr(self, GONE_UNTIL, time.monotonic() + PAUSE_S)
            raise

    PrefectEventsClient._emit = emit  # type: ignore[method-assign]  # on purpose

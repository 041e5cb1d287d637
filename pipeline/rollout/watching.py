"""Whether a kernel that serves here was withdrawn elsewhere: the log is asked for its digest every so often.

A process looks up its kernels once. Where another process saw a kernel fail and rolled it back, or somebody revoked it,
this one stops calling it within the interval. A newer kernel in the channel is no reason: that is for the next start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from pipeline.errors import RegistryError, RegistryUnavailable
from pipeline.registry.contract import Event, Place, Registry, open_registry
from pipeline.rollout.breaker import Breaker

LOG: Final = logging.getLogger("kernelgate.rollout")


@dataclass(slots=True)
class Watched:
    """A kernel that serves; `seen` is the number of the last event that was looked at."""

    place: Place
    digest: str
    breaker: Breaker
    seen: int


def look(registry: str, watched: Watched) -> None:
    """Looks once, and opens the breaker of a kernel that was withdrawn.

    The log says who did it and why. Whether the kernel is revoked does not depend on it: a line that nobody can read
    would keep this process from hearing of it.

    Raises:
        RegistryUnavailable: it does not answer.
        RegistryError: it is not there any more, or its log can't be read.
    """
    with closing(open_registry(registry)) as opened:
        is_revoked = opened.is_revoked(watched.digest)
        try:
            event = next((one for one in _since(opened, watched) if _withdraws(one, watched)), None)
        except RegistryError:
            if not is_revoked:
                raise
            event = None
    if event is not None:
        _withdraw(watched, event.kind, f"by {event.actor}: {event.reason}")
    elif is_revoked:
        _withdraw(watched, "revoked", "in the registry, whose log does not say why")


def _withdraws(event: Event, watched: Watched) -> bool:
    watched.seen = event.number
    return event.kind == "revoked" or (event.kind == "rolled-back" and event.place == watched.place)


def _withdraw(watched: Watched, kind: str, why: str) -> None:
    if watched.breaker.open(f"{kind} {why}"):
        LOG.warning(
            "%s %s was %s %s: its reference serves from now on",
            watched.place.operator, watched.digest[:12], kind, why,
        )  # fmt: skip


def watch(registry: str, watched: Watched, every_s: float) -> None:
    """Looks every so often, in a daemon thread, until the breaker is open."""

    def looking() -> None:
        pause = threading.Event()
        while not watched.breaker.is_open:
            pause.wait(every_s)
            try:
                look(registry, watched)
            except (RegistryUnavailable, RegistryError) as error:
                LOG.info("the registry could not be asked about %s: %s", watched.digest[:12], error)

    threading.Thread(target=looking, name="kernelgate-watch", daemon=True).start()


def newest_event(registry: Registry) -> int:
    """Returns the number of the last event of the log; 0 where there is none."""
    last = registry.events(limit=1, newest=True)
    return last[-1].number if last else 0


def _since(registry: Registry, watched: Watched) -> Iterator[Event]:
    yield from registry.events(after=watched.seen, digest=watched.digest)

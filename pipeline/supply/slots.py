"""What is lent to so many at once: a protocol, and the one whose lenders and borrowers are in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

LOOK_UP_S: Final = 0.5  # so often whoever waits asks whether it still wants to


class Slot(Protocol):
    """What is held while something is done that not everybody may do at once."""

    def hold(self, go_on: Callable[[], object]) -> AbstractContextManager[None]:
        """Waits for it and holds it; `go_on` is called while it waits and may raise.

        Raises:
            SlotUnavailable: it can't be had.
        """
        ...


class LocalSlots:
    """So many slots for the threads of this process."""

    def __init__(self, count: int) -> None:
        """Takes how many."""
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def hold(self, go_on: Callable[[], object]) -> Iterator[None]:
        """As `Slot.hold`."""
        go_on()
        while not self._free.acquire(timeout=LOOK_UP_S):
            go_on()
        try:
            yield
        finally:
            self._free.release()

"""Asks a provider while one of its slots is held: how many calls of a run, or of all runs, it gets at once.

Between patience and the meter: who waits to be asked again holds no slot, and money is set apart for nobody who has
none. A slot is no retry and no rate: what a provider limits by the minute it says itself (`patience`).
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.generation.exchange import Failure, Note, Outcome, Provider, Reason, Request
from pipeline.supply.slots import Slot


class Limited:
    """Asks another provider when it has a slot; thread-safe."""

    def __init__(self, provider: Provider, slot: Slot, left_s: Callable[[], float]) -> None:
        """Takes whom to ask, what to hold meanwhile, and how long the run may go on."""
        self._provider = provider
        self._slot = slot
        self._left_s = left_s

    def ask(self, request: Request, note: Note) -> Outcome:
        """As `Provider.ask`.

        Raises:
            SlotUnavailable: whoever lends the slots does not.
        """
        try:
            with self._slot.hold(self._go_on):
                return self._provider.ask(request, note)
        except _OverError:
            return Failure(Reason.RATE_LIMITED, "none of the provider's slots was free in time")

    def _go_on(self) -> None:
        if self._left_s() <= 0:
            raise _OverError


class _OverError(Exception):
    """The run's time was over before there was a slot."""

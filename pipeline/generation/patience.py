"""Asks again what may be answered later: the one place where calls are repeated (the SDKs' own retries are off).

Ours and not theirs, because each call has to be seen: a call that broke off may be billed, a run's budget ends the
waiting, and the provider's `Retry-After` is kept also where it is longer than an SDK believes. Waits grow from one
second to a minute, with a random part so that fifty that were refused together do not come back together. Time is
counted by a clock that does not jump.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipeline.generation.exchange import Answer, Failure, Note, Outcome, Provider, Request

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
LOOK_UP_S: Final = 1.0  # so often who waits asks whether the run was ended


@dataclass(frozen=True, slots=True)
class Clock:
    """What time is and how it passes; tests have one that does not wait."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


def unlimited_s() -> float:
    """How many seconds a run has left whose time is not limited."""
    return math.inf


class Patient:
    """Asks another provider until it answers, fails for good, or `patience_s` or the run's time are over."""

    def __init__(
        self,
        provider: Provider,
        patience_s: float,
        clock: Clock | None = None,
        left_s: Callable[[], float] = unlimited_s,
    ) -> None:
        """Takes whom to ask; with a patience of 0 s it asks once. `left_s` says how long the run may go on."""
        self._provider = provider
        self._patience_s = patience_s
        self._clock = clock or Clock()
        self._left_s = left_s

    def ask(self, request: Request, note: Note) -> Outcome:
        """Returns the first answer, or the last failure; as `Provider.ask`."""
        ends = self._clock.monotonic() + min(self._patience_s, self._left_s())
        tries = 0
        while True:
            outcome = self._provider.ask(request, note)
            if isinstance(outcome, Answer) or not outcome.is_passing:
                return outcome
            wait_s = _wait_s(outcome, tries)
            if self._clock.monotonic() + wait_s > ends:
                return outcome
            if not self._waited(wait_s):
                return outcome
            tries += 1

    def _waited(self, wait_s: float) -> bool:
        """Waits, and looks up now and then; returns whether the run goes on."""
        while wait_s > 0 and self._left_s() > 0:
            slice_s = min(wait_s, LOOK_UP_S)
            self._clock.sleep(slice_s)
            wait_s -= slice_s
        return self._left_s() > 0


def _wait_s(failure: Failure, tries: int) -> float:
    """Not before the provider says, and then not all together."""
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(tries, 16))
    own_s = longest * random.uniform(0.5, 1.0)
    if failure.retry_after_s is None:
        return own_s
    return max(own_s, failure.retry_after_s + random.uniform(0.0, FIRST_WAIT_S))

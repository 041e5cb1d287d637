"""Keeps the trail of a properties check: each case in order, up to a number.

The first cases are kept, and the newest `LAST` of the rest: what comes after thousands of cases that agreed is the
failure and how it was made smaller.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from runners.examined_case import CaseOutcome, ExaminedCase

KEPT: Final = 1000
LAST: Final = 100  # more than a reduction takes


class Trail:
    """The cases so far."""

    def __init__(self) -> None:
        self._first: list[ExaminedCase] = []
        self._newest: deque[ExaminedCase] = deque(maxlen=LAST)
        self._heard = 0

    def add(self, examined: ExaminedCase) -> None:
        """Adds the next case."""
        self._heard += 1
        if len(self._first) < KEPT - LAST:
            self._first.append(examined)
        else:
            self._newest.append(examined)

    def amend(self, outcome: CaseOutcome) -> None:
        """Says of the last case what came of it after all."""
        last = self._newest if self._newest else self._first
        last[-1] = last[-1]._replace(outcome=outcome)

    @property
    def kept(self) -> tuple[ExaminedCase, ...]:
        """What is stored, in order."""
        return (*self._first, *self._newest)

    @property
    def left_out(self) -> int:
        """How many cases are not."""
        return self._heard - len(self._first) - len(self._newest)

"""Takes the times of one candidate's measurement that no check takes itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from pipeline.gate.turns import Turns
from runners.times import Times
from runners.turn import ALONE, Turn


class Stopwatch:
    """Runs from the moment when it is made.

    Attributes:
        source_s: How long the source was read, which whoever read it knows.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.source_s = 0.0
        self._origin_s = 0.0
        self._waited_s = 0.0

    @contextmanager
    def comparing(self) -> Iterator[None]:
        """Takes how long the text is compared with references."""
        began = time.monotonic()
        yield
        self._origin_s += time.monotonic() - began

    @contextmanager
    def turn(self, turns: Turns | None) -> Iterator[Turn]:
        """A turn of `turns`, or of one who is alone; takes how long was waited for it.

        Raises:
            SandboxUnavailable: the run was ended.
        """
        asked = time.monotonic()
        with nullcontext(ALONE) if turns is None else turns.one() as turn:
            had = turn.now()
            self._waited_s += time.monotonic() - asked
            came = time.monotonic()
            yield turn
            # A turn's clock stands still while others have theirs.
            self._waited_s += max(0.0, time.monotonic() - came - (turn.now() - had))

    @property
    def times(self) -> Times:
        """What was taken so far."""
        return Times(
            source_s=round(self.source_s, 4),
            origin_s=round(self._origin_s, 4),
            waited_s=round(self._waited_s, 4),
            total_s=round(time.monotonic() - self._began, 4),
        )

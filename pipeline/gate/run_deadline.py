"""A run's deadline: when its measuring ends, whatever is not finished. On a clock that nobody can set.

It bounds the work and not only what is said of it: turns and runners are ended. What was being measured then is missing
by our doing, whatever its runner said while it was ended, so nobody is blamed and nothing of it is kept. What has its
verdict keeps it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Final

from pydantic import Field

from pipeline.gate.judging import NEVER_RUN
from pipeline.gate.kept import without_time
from pipeline.settings import DEADLINE_CAP_S
from runners.evidence import Evidence
from sandbox.contract import SandboxUnavailable

_LOG: Final = logging.getLogger(__name__)
DeadlineSeconds = Annotated[float, Field(gt=0, le=DEADLINE_CAP_S)]


class RunDeadline:
    """The deadline of one run; thread-safe."""

    def __init__(self, after_s: float | None) -> None:
        """Takes the seconds that measuring may take; None: as long as it takes."""
        self._after_s = after_s
        self._over = threading.Event()

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return self._over.is_set()

    @property
    def in_words(self) -> str:
        """What is said of what was not finished."""
        return f"the run's deadline of {self._after_s:g} s had passed"

    def go_on(self) -> None:
        """Asked between two cases.

        Raises:
            SandboxUnavailable: it has passed.
        """
        if self.is_over:
            raise SandboxUnavailable(self.in_words)

    def cut(self, evidence: Evidence) -> Evidence:
        """Evidence as it counts: once the deadline has passed nothing of what was run does."""
        if not self.is_over or evidence.properties in NEVER_RUN:
            return evidence
        return without_time(evidence, self.in_words)

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Calls `end`, from another thread, when the deadline passes within the block."""
        if self._after_s is None:
            yield
            return

        def pass_() -> None:
            self._over.set()
            _LOG.warning("%s: what was not finished has no verdict", self.in_words)
            end()

        timer = threading.Timer(self._after_s, pass_)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

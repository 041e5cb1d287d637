"""Who hears of a run beside its user: this machine's list of runs under way, and telemetry where it was asked for.

One listener tells all of them, so that what measures and judges knows of none. Observers decide nothing: a bug in one
is said once and costs no verdict.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pipeline.gate.judged import Judged
from pipeline.gate.steps import CheckName
from pipeline.log_format import name_run
from pipeline.observing.under_way import Registration, registered
from pipeline.reporting import Report
from pipeline.runs.facts import RunFacts
from pipeline.telemetry.contract import Recorder, recording
from pipeline.telemetry.opening import recorder_of


class Listener(Protocol):
    """Hears how a run goes; called from several threads."""

    def note(self, text: str) -> None:
        """Something that takes a while begins, or is worth a line."""
        ...

    def warn(self, text: str) -> None:
        """Something that must be seen, however quiet the run shall be."""
        ...

    def check(self, path: str, name: CheckName) -> None:
        """A check of a candidate begins."""
        ...

    def case(self, path: str, done: int, planned: int) -> None:
        """Another case of a candidate is done."""
        ...

    def mutant(self, path: str, done: int, planned: int) -> None:
        """It is known what became of another mutant of a candidate."""
        ...

    def judged(self, path: str, judged: Judged) -> None:
        """A candidate has its verdict."""
        ...


class LogListener:
    """Tells a log, where nobody sits before a terminal: notes and warnings alone."""

    def __init__(self, note: Report, warn: Report) -> None:
        """Takes what writes each of the two."""
        self.note, self.warn = note, warn

    def check(self, path: str, name: CheckName) -> None:
        """Too much for a log."""

    def case(self, path: str, done: int, planned: int) -> None:
        """Too much for a log."""

    def mutant(self, path: str, done: int, planned: int) -> None:
        """Too much for a log."""

    def judged(self, path: str, judged: Judged) -> None:
        """Whoever runs it shows verdicts elsewhere."""


class _Observed:
    """Tells a listener, and then who observes."""

    def __init__(self, listener: Listener, recorder: Recorder, registration: Registration | None) -> None:
        self._listener, self._recorder, self._registration = listener, recorder, registration
        self._failed = threading.Event()
        self.note, self.warn, self.case, self.mutant = listener.note, listener.warn, listener.case, listener.mutant

    def check(self, path: str, name: CheckName) -> None:
        """As `Listener.check`."""
        self._listener.check(path, name)
        self._safely(lambda: self._recorder.check(path, name))

    def judged(self, path: str, judged: Judged) -> None:
        """As `Listener.judged`."""
        self._listener.judged(path, judged)
        self._safely(lambda: self._recorder.judged(path, judged))
        registration = self._registration
        if registration is not None:
            self._safely(lambda: registration.judged(path, judged))

    def _safely(self, tell: Callable[[], object]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001  # who watches must not decide
            if not self._failed.is_set():
                self._failed.set()
                self._listener.warn(f"a bug of kernelgate in what watches runs, which decides nothing: {error!r}")


@contextmanager
def observed(facts: RunFacts, runs: Path, listener: Listener) -> Iterator[Listener]:
    """Yields a listener that tells `listener` and all who observe the run; it has ended when the context has."""
    name_run(facts.id)
    with (
        registered(facts, runs) as registration,
        recorder_of(facts, os.environ, listener.warn) as recorder,
        recording(recorder),
    ):
        yield _Observed(listener, recorder, registration)

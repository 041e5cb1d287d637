"""A sandbox that says when a runner was started, how long that took, and when it ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from sandbox.contract import Buffer, IsolationProof, Program, Reply, Sandbox, Worker
from sandbox.outcomes import Outcome
from sandbox.usage import Usage


class RunnerLog(Protocol):
    """Hears of runners; thread-safe, and never raises."""

    def began(self, program: Program) -> None:
        """One is being started."""
        ...

    def greeted(self, program: Program, wall_s: float, *, started: bool) -> None:
        """It has greeted after so many seconds, or has failed to."""
        ...

    def ended(self, program: Program) -> None:
        """It is gone, or was never there."""
        ...


class WatchedSandbox:
    """What another sandbox does, told to a log."""

    def __init__(self, sandbox: Sandbox, log: RunnerLog) -> None:
        """Takes the one that does it."""
        self._sandbox, self._log = sandbox, log

    def start(self, program: Program) -> Worker:
        """As `Sandbox.start`."""
        since = time.monotonic()
        self._log.began(program)
        try:
            worker = self._sandbox.start(program)
        except BaseException:
            self._log.greeted(program, time.monotonic() - since, started=False)
            self._log.ended(program)
            raise
        return _WatchedWorker(worker, program, self._log, since)

    def prove(self, program: Program) -> IsolationProof:
        """As `Sandbox.prove`."""
        return self._sandbox.prove(program)

    def reap(self) -> int:
        """As `Sandbox.reap`."""
        return self._sandbox.reap()

    def close(self) -> None:
        """As `Sandbox.close`."""
        self._sandbox.close()


class _WatchedWorker:
    def __init__(self, worker: Worker, program: Program, log: RunnerLog, since: float) -> None:
        self._worker, self._program, self._log, self._since = worker, program, log, since
        self._telling = threading.Lock()
        self._has_greeted = self._has_ended = False

    @property
    def name(self) -> str:
        return self._worker.name

    @property
    def usage(self) -> Usage:
        return self._worker.usage

    def greeting(self) -> Reply | Outcome:
        answer = self._worker.greeting()
        with self._telling:
            first, self._has_greeted = not self._has_greeted, True
        if first:
            self._log.greeted(self._program, time.monotonic() - self._since, started=isinstance(answer, Reply))
        return self._seen(answer)

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        return self._seen(self._worker.exchange(request, deadline_s=deadline_s, cap_bytes=cap_bytes))

    def ended(self) -> Outcome | None:
        outcome = self._worker.ended()
        if outcome is not None:
            self._is_gone()
        return outcome

    def last_words(self) -> str:
        return self._worker.last_words()

    def abort(self) -> None:
        self._worker.abort()

    def end(self) -> Outcome:
        try:
            return self._worker.end()
        finally:
            self._is_gone()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _seen(self, answer: Reply | Outcome) -> Reply | Outcome:
        """An outcome means that the worker is removed; nobody has to end it then."""
        if not isinstance(answer, Reply):
            self._is_gone()
        return answer

    def _is_gone(self) -> None:
        with self._telling:
            first, self._has_ended = not self._has_ended, True
        if first:
            self._log.ended(self._program)

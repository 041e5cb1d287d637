"""Keeps started programs waiting, so that a candidate does not pay for the imports of its runner.

Workers are warmed by background threads, at most `warming_at_once` at a time, because warming one costs seconds of a
processor. A worker that ended while it waited (somebody restarted the engine) is replaced without a word; a worker that
cannot be warmed at all is reported to whoever takes next, who may try again. No candidate ran yet in a waiting worker,
so whatever goes wrong with it is ours: it is always a `SandboxUnavailable`.

An engine that is restarted in the middle of a run costs seconds, not verdicts: where workers could be had before, the
next is tried for `patience_s` before anybody is told. Where none ever could, whoever takes hears of it at once.

Takers are served in the order in which they came. Measured on a loaded machine before that was so: one of three waited
for two minutes, in vain, while the others took whatever was warmed.

`close` aborts workers that are being warmed and ends those that wait; those that were taken belong to their takers.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Self

from sandbox.contract import Program, Reply, Sandbox, SandboxUnavailable, Worker
from sandbox.outcomes import Outcome
from sandbox.printable import printable

RETRY_S = 1.0
Permit = Callable[[Callable[[], object]], AbstractContextManager[None]]


class WarmPool:
    """Up to `size` greeted workers of one program. Thread-safe."""

    def __init__(
        self,
        sandbox: Sandbox,
        program: Program,
        size: int,
        *,
        warming_at_once: int = 1,
        patience_s: float = 0.0,
        permit: Permit = lambda go_on: nullcontext(),
    ) -> None:
        """Starts warming at once.

        Args:
            sandbox: Where workers are started.
            program: What they run.
            size: How many may wait; at least 1.
            warming_at_once: How many are warmed at a time; more than there are idle cores only slows all of them.
            patience_s: How long an outage may last, once it is known that workers can be had, before takers are told.
            permit: Held while one is warmed. It may wait, and calls what it is given meanwhile, which may raise.
        """
        if size < 1 or warming_at_once < 1:
            raise ValueError(f"a pool of {size} workers, {warming_at_once} warmed at once, cannot serve anybody")
        self._sandbox = sandbox
        self._program = program
        self._size = size
        self._changed = threading.Condition()
        self._ready: deque[Worker] = deque()
        self._takers: deque[object] = deque()
        self._warming = 0
        self._being_warmed: set[Worker] = set()
        self._failure: SandboxUnavailable | None = None
        self._patience_s = patience_s
        self._permit = permit
        self._works = False
        self._failing_since: float | None = None
        self._closed = False
        self._threads = [
            threading.Thread(target=self._keep_warm, name=f"warm-pool-{number}", daemon=True)
            for number in range(min(size, warming_at_once))
        ]
        for thread in self._threads:
            thread.start()

    def take(self, timeout_s: float) -> Worker:
        """Returns a worker that has greeted; it is the caller's from now on, and so is ending it.

        Raises:
            SandboxUnavailable: none could be warmed, none was ready in time, or the pool is closed.
        """
        until = time.monotonic() + timeout_s
        while True:
            worker = self._next_ready(until, timeout_s)
            if worker.ended() is None:
                return worker

    def be_patient(self) -> None:
        """Says that workers can be had, which the caller knows from elsewhere; the first one warmed says it, too."""
        with self._changed:
            self._works = True

    def close(self) -> None:
        """Ends every waiting worker and stops warming; safe to call twice."""
        with self._changed:
            self._closed = True
            for worker in self._being_warmed:
                worker.abort()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        while self._ready:
            self._ready.popleft().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next_ready(self, until: float, timeout_s: float) -> Worker:
        taker = object()
        with self._changed:
            self._takers.append(taker)
            try:
                return self._wait_for_turn(taker, until, timeout_s)
            finally:
                self._takers.remove(taker)
                self._changed.notify_all()  # it is the next one's turn, and there is room to warm another

    def _wait_for_turn(self, taker: object, until: float, timeout_s: float) -> Worker:
        while True:
            if self._closed:
                raise SandboxUnavailable("the pool of runners is closed; start a new one")
            if self._takers[0] is taker and self._ready:
                return self._ready.popleft()
            if self._takers[0] is taker and self._failure is not None:
                failure, self._failure = self._failure, None  # whoever takes next finds that it was tried again
                raise SandboxUnavailable(str(failure)) from failure
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise SandboxUnavailable(f"no runner was ready within {timeout_s:g} s; the machine may be overloaded")
            self._changed.wait(left_s)

    def _keep_warm(self) -> None:
        while self._begin_warming():
            warmed: Worker | None = None
            failure: SandboxUnavailable | None = None
            try:
                with self._permit(self._go_on):
                    warmed = self._warm()
            except SandboxUnavailable as error:
                failure = error
            except Exception as error:  # noqa: BLE001  # a thread has no caller: whoever takes next is told instead
                failure = SandboxUnavailable(f"warming a runner failed on our side: {type(error).__name__}: {error}")
            self._finish_warming(warmed, failure)

    def _begin_warming(self) -> bool:
        """Waits until one more worker is wanted; False when the pool is closed."""
        with self._changed:
            while not self._closed:
                wanted = len(self._ready) + self._warming < self._size
                if wanted and self._failure is None:
                    self._warming += 1
                    return True
                self._changed.wait()
            return False

    def _go_on(self) -> None:
        if self._closed:
            raise SandboxUnavailable("the pool of runners is closed; start a new one")

    def _warm(self) -> Worker:
        worker = self._sandbox.start(self._program)
        try:
            greeting = self._greeting_of(worker)
        except BaseException:
            worker.end()
            raise
        if isinstance(greeting, Reply):
            return worker
        words = printable(worker.last_words()[-500:].strip())
        raise SandboxUnavailable(
            f"a runner of image {self._program.image} did not greet: {greeting}; its last words: {words or 'none'}"
        )

    def _greeting_of(self, worker: Worker) -> Reply | Outcome:
        with self._changed:
            self._being_warmed.add(worker)
            if self._closed:
                worker.abort()
        try:
            return worker.greeting()
        finally:
            with self._changed:
                self._being_warmed.discard(worker)

    def _finish_warming(self, warmed: Worker | None, failure: SandboxUnavailable | None) -> None:
        with self._changed:
            self._warming -= 1
            if warmed is not None:
                self._ready.append(warmed)
                self._works, self._failing_since = True, None
            elif self._may_pass():
                self._wait(RETRY_S)
            else:
                self._failure = failure or self._failure
            self._changed.notify_all()

    def _may_pass(self) -> bool:
        """Whether this is an outage that has not lasted long."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        return self._works and now - self._failing_since < self._patience_s

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._closed and (left_s := until - time.monotonic()) > 0:
            self._changed.wait(left_s)

"""Program instances that meet: one runs at a time, and another may take over before every atomic operation.

Run one after the other, programs that lose each other's updates (an atomic read, then an exchange) give right results,
and programs that wait for each other hang. So the instances of a kernel whose source speaks of atomics or volatile
loads are threads that hand on a baton, and only there: what is not atomic is left to the monitor.

- In natural order a program runs until it ends or waits. Who waits makes room for the next, up to `_RESIDENT`
  unfinished programs: a GPU may have no room for more, and starts programs in this order.
- In a drawn order the seed decides at every atomic operation who goes on. Where all wait, the earliest program that has
  not started is next: a GPU starts programs nearly in order, and who waits for an earlier one relies on that.

A program *waits* when it has made a few atomic operations that changed nothing while nobody else got anywhere.
Where all wait, each is given more of them: a maximum that changes nothing is no waiting. After `_DESPAIR` of them
`InterpreterCannot` says so: on a GPU it may end well, or never.

Measured on 2 shared cores: a thread costs 0.1 ms, each change of hands 40 µs.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from runners.inside.interpreter.blame import InterpreterCannot

_RESIDENT: Final = 3
_STARTED_TOGETHER: Final = 8
_LIVE_CAP: Final = 128
_PATIENCE: Final = 24
_PATIENCE_DRAWN: Final = 2
_DESPAIR: Final = 200


class _Abandoned(BaseException):
    """Ends the thread of a program whose launch has failed."""


class Scene(Protocol):
    """What has to be told which program runs."""

    def enter(self, program: int) -> None:
        """The program starts, or goes on, now."""

    def leave(self, program: int, *, ended: bool) -> None:
        """The program has ended, or makes way for another one."""


@dataclass(slots=True, eq=False)
class _Instance:
    number: int
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    thread: threading.Thread | None = None
    polls: int = 0
    polled_at: int = -1
    ended: bool = False
    error: BaseException | None = None


class Interleaving:
    """The instances of one launch.

    Args:
        body: Runs one instance; it takes no argument, since the scene says which.
        scene: Is told who runs.
        drawn: Decides who goes on at every atomic operation; None for the natural order.
    """

    def __init__(self, body: Callable[[], Any], scene: Scene, drawn: np.random.Generator | None) -> None:
        self._body = body
        self._scene = scene
        self._drawn = drawn
        self._patience, self._cap = (_PATIENCE, _RESIDENT) if drawn is None else (_PATIENCE_DRAWN, _LIVE_CAP)
        self._back = threading.Semaphore(0)
        self._drawn_order: Iterator[int] = iter(())
        self._natural_order: Iterator[int] = iter(())
        self._unstarted: set[int] = set()
        self._live: list[_Instance] = []
        self._running: _Instance | None = None
        self._progress = 0
        self._abandoned = False

    def run(self, programs: Sequence[int]) -> None:
        """Runs each of `programs` once.

        Raises:
            InterpreterCannot: all unfinished programs wait.
            BaseException: what a program raised; the others are abandoned.
        """
        self._drawn_order, self._natural_order = iter(programs), iter(sorted(programs))
        self._unstarted = set(programs)
        try:
            while (instance := self._next()) is not None:
                self._let_run(instance)
                if instance.error is not None:
                    raise instance.error
        finally:
            self._abandon()

    def meet(self) -> None:
        """Before an atomic operation of the program that runs; returns when it is this program's turn."""
        me = self._running
        assert me is not None
        me.polls = me.polls + 1 if me.polled_at == self._progress else 1
        me.polled_at = self._progress
        if self._drawn is None and not self._waits(me):
            return
        self._scene.leave(me.number, ended=False)
        self._back.release()
        me.baton.acquire()
        if self._abandoned:
            raise _Abandoned
        self._scene.enter(me.number)

    def changed(self) -> None:
        """The atomic operation of the program that runs has changed something: nobody waits in vain until now."""
        self._progress += 1

    def _waits(self, instance: _Instance) -> bool:
        return instance.polls >= self._patience and instance.polled_at == self._progress

    def _next(self) -> _Instance | None:
        ready = [instance for instance in self._live if not self._waits(instance)]
        if not ready:
            may_start = self._unstarted and len(self._live) < self._cap
            return self._start(self._natural_order) if may_start else self._most_hopeful()
        if self._drawn is None:
            return ready[0]
        more = bool(self._unstarted) and len(self._live) < _STARTED_TOGETHER
        chosen = int(self._drawn.integers(len(ready) + more))
        return self._start(self._drawn_order) if chosen == len(ready) else ready[chosen]

    def _most_hopeful(self) -> _Instance | None:
        if not self._live:
            return None
        instance = min(self._live, key=lambda each: each.polls)
        if instance.polls < _DESPAIR:
            return instance
        if self._unstarted:
            raise InterpreterCannot(f"{len(self._live)} program instances wait for others that have not started")
        raise InterpreterCannot("all program instances that are left wait for each other")

    def _start(self, order: Iterator[int]) -> _Instance:
        instance = _Instance(next(number for number in order if number in self._unstarted))
        self._unstarted.remove(instance.number)
        self._progress += 1
        context = contextvars.copy_context()  # numpy keeps in it what floating-point errors do
        instance.thread = threading.Thread(target=context.run, args=(self._play, instance), daemon=True)
        self._live.append(instance)
        return instance

    def _let_run(self, instance: _Instance) -> None:
        self._running = instance
        thread = instance.thread
        assert thread is not None
        if thread.ident is None:
            thread.start()
        else:
            instance.baton.release()
        self._back.acquire()
        if instance.ended:
            thread.join()
            self._live.remove(instance)
            self._progress += 1

    def _play(self, instance: _Instance) -> None:
        try:
            self._scene.enter(instance.number)
            self._body()
            self._scene.leave(instance.number, ended=True)
        except _Abandoned:
            return
        except BaseException as error:  # noqa: BLE001  # raised again by `run`, in the thread of the launch
            instance.error = error
        instance.ended = True
        self._back.release()

    def _abandon(self) -> None:
        self._abandoned = True
        for instance in self._live:
            if instance.thread is not None and instance.thread.ident is not None and not instance.ended:
                instance.baton.release()
                instance.thread.join()
        self._live.clear()

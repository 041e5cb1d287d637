"""Which of a run's candidates are measured now: as many as there are workers, the quick ones first.

Nobody knows beforehand which candidates are slow, so whoever has had little time goes first. A candidate that used its
time slice gives way to those that had less; each further slice is twice as long, so that two slow ones do not take
turns all the time. Among equals the first come is first served.

A slot is also one of the machine's (`pipeline.supply.machine_slots`), which other runs want, too. One that nobody wants
is lent to whoever can use a second one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from pipeline.supply.machine_slots import Slots
from runners.turn import GivenUp
from sandbox.contract import SandboxUnavailable

SLICE_S: Final = 10.0  # a wrong one has its verdict by then; to be interrupted costs a runner, some two seconds
IN_PLAY: Final = 256  # so many have begun at once; each is a thread


class Turns:
    """The slots of one run; thread-safe."""

    def __init__(self, workers: int, machine: Slots, slice_s: float = SLICE_S) -> None:
        """`workers` candidates at once; `slice_s` is what one has before others go first."""
        self._free = workers
        self._machine = machine
        self._slice_s = slice_s
        self._changed = threading.Condition()
        self._waiting: list[MyTurn] = []
        self._arrivals = 0
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[MyTurn]:
        """Waits for a turn; whoever has it may give way and wait again.

        Raises:
            SandboxUnavailable: the run was ended.
        """
        turn = MyTurn(self, self._slice_s)
        try:
            turn.begin()
            yield turn
        finally:
            turn.end()

    @contextmanager
    def spare(self) -> Iterator[LentTurn | None]:
        """A slot that nobody wants, without waiting for it; None where there is none.

        It is lent: it is over as soon as anybody waits.
        """
        with ExitStack() as held:
            yield self._lent(held)

    def _lent(self, held: ExitStack) -> LentTurn | None:
        with self._changed:
            if self._closed or self._free == 0 or self._waiting:
                return None
            self._free -= 1
        held.callback(self._leave)
        return LentTurn(self) if held.enter_context(self._machine.spare()) else None

    @property
    def is_anybody_waiting(self) -> bool:
        """Whether somebody of this run or another waits for a slot, or the run was ended."""
        with self._changed:
            if self._closed or self._waiting:
                return True
        return self._machine.are_wanted

    def close(self) -> None:
        """Ends the waiting of all; safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def go_on(self) -> None:
        """Raises where the run was ended.

        Raises:
            SandboxUnavailable: it was.
        """
        if self._closed:
            raise SandboxUnavailable("the run was ended")

    def enter(self, turn: MyTurn, held: ExitStack) -> None:
        """Waits until `turn` is the next and there is a slot, which `held` gives back."""
        with self._changed:
            self._arrivals += 1
            turn.arrival = self._arrivals
            self._waiting.append(turn)
            try:
                while self._free == 0 or min(self._waiting, key=MyTurn.place) is not turn:
                    self.go_on()
                    self._changed.wait()
                self.go_on()
                self._free -= 1
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        held.callback(self._leave)
        held.enter_context(self._machine.hold(self.go_on))

    def are_wanted(self, level: int, stint_s: float) -> bool:
        """Whether somebody waits who had less time than a turn of this level, or another run does.

        What another run's candidate has had is not known here: it waits for a slice of this level at most.
        """
        with self._changed:
            if any(turn.level < level for turn in self._waiting):
                return True
        return stint_s >= self._slice_s * 2**level and self._machine.are_wanted

    def _leave(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()


class LentTurn:
    """A turn in a spare slot (`runners.turn.Turn`); used by one thread."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    @property
    def is_over(self) -> bool:
        """Whether anybody waits for a slot."""
        return self._turns.is_anybody_waiting

    def give_way(self) -> None:
        """Never comes back.

        Raises:
            GivenUp: always.
        """
        raise GivenUp

    def now(self) -> float:
        """The time: a lent turn is not interrupted and resumed."""
        return time.monotonic()


class MyTurn:
    """One candidate's turn (`runners.turn.Turn`); used by one thread."""

    def __init__(self, turns: Turns, slice_s: float) -> None:
        self.level = 0
        self.arrival = 0
        self._turns = turns
        self._slice_s = slice_s
        self._until_s = slice_s
        self._had_s = 0.0
        self._since: float | None = None
        self._held = ExitStack()

    def place(self) -> tuple[int, int]:
        """Its place among those who wait; the least is the next."""
        return self.level, self.arrival

    @property
    def is_over(self) -> bool:
        """Whether somebody waits who should have the slot."""
        now = self.now()
        if now >= self._until_s:
            self.level += 1
            self._until_s = now + self._slice_s * 2**self.level
        return self._turns.are_wanted(self.level, stint_s=now - self._had_s)

    def give_way(self) -> None:
        """Gives the slot back and waits for one.

        Raises:
            SandboxUnavailable: the run was ended.
        """
        self.end()
        self.begin()

    def now(self) -> float:
        """How long it has had a slot, in seconds."""
        return self._had_s + (time.monotonic() - self._since if self._since is not None else 0.0)

    def begin(self) -> None:
        """Waits for a slot."""
        self._turns.enter(self, self._held)
        self._since = time.monotonic()

    def end(self) -> None:
        """Gives the slot back."""
        self._had_s, self._since = self.now(), None
        self._held.close()

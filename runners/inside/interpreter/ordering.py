"""What happened before what, between the program instances of one launch.

The interpreter runs one program at a time; a GPU does not. Two accesses of one launch by different programs are
ordered only through atomic operations: one with release semantics on an address, then one with acquire semantics on the
same address, orders everything before the first with everything after the second (vector clocks, as in the FastTrack
race detector of Flanagan and Freund, 2009). So locks, semaphores and "the last block does the rest" are no races.

A *stamp* is an int64 that names a program instance, over all launches of a call, and its epoch: how often it released.
Stamps grow with time. A *reader set* is a persistent linked list of stamps behind an int64 id, so that each element's
set of readers costs one integer and programs that read the same elements share the list.

Deliberately coarse: an atomic on a block of pointers synchronises with all atomics on that storage, not lane by lane.
That hides races between programs that share nothing but such a block; lane by lane costs lanes · programs a call.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

EPOCH_BITS: Final = 20
_EPOCHS: Final = 1 << EPOCH_BITS
NOBODY: Final = 0
EVERY_ADDRESS: Final = -1


class Place(NamedTuple):
    """Where a program stands that makes way for another one: its stamp, and the clock of what it knows."""

    stamp: int
    clock: Array | None


class Ordering:
    """The clocks of the programs of the launch that is running.

    Attributes:
        stamp: Of the program that is running, now; 0 before the first.
        alone: Whether the launch has a single program, so that nothing can race.
    """

    def __init__(self) -> None:
        self.stamp = NOBODY
        self.alone = True
        self.launch = 0
        self._next_program = 1
        self._first = 1
        self._count = 0
        self._begun = 0
        self._clock: Array | None = None
        self._released: dict[tuple[int, int], Array] = {}
        self._nodes: list[tuple[int, int]] = []
        self._node_base = 1
        self._extended: dict[int, int] = {}

    def begin_launch(self, programs: int) -> None:
        """Everything before is ordered before everything in this launch."""
        self.launch += 1
        self.alone = programs < 2
        self._first = self._next_program
        self._count = programs
        self._next_program += programs
        self._released.clear()
        self._node_base += len(self._nodes)
        self._nodes.clear()
        self._begun = 0

    def begin_program(self) -> None:
        """Another program instance begins."""
        self.resume(Place((self._first + self._begun) << EPOCH_BITS, None))
        self._begun += 1

    def place(self) -> Place:
        """Returns where the program stands that is running."""
        return Place(self.stamp, self._clock)

    def resume(self, place: Place) -> None:
        """A program goes on from where it stood."""
        self.stamp, self._clock = place
        self._extended.clear()

    def rank(self, stamp: int) -> int:
        """Returns how many programs of this launch began before the one with `stamp`."""
        return (stamp >> EPOCH_BITS) - self._first

    def acquire(self, storage: int, address: int) -> None:
        """What was released at the address happened before what follows."""
        for key in ((storage, address), (storage, EVERY_ADDRESS)) if address >= 0 else self._keys(storage):
            known = self._released.get(key)
            if known is not None:
                self._clock = known.copy() if self._clock is None else np.maximum(self._clock, known)

    def release(self, storage: int, address: int) -> None:
        """Whoever acquires at the address from now on knows what happened until now."""
        clock = np.zeros(self._count, np.int32) if self._clock is None else self._clock.copy()
        clock[self.rank(self.stamp)] = (self.stamp & (_EPOCHS - 1)) + 1
        key = (storage, address)
        before = self._released.get(key)
        self._released[key] = clock if before is None else np.maximum(clock, before)
        if self.stamp & (_EPOCHS - 1) < _EPOCHS - 1:
            self.stamp += 1
            self._extended.clear()

    def unordered(self, stamps: Array) -> Array:
        """Returns which of `stamps` are of another program of this launch, with nothing that orders it before now."""
        others: Array = (stamps >= self._first << EPOCH_BITS) & (stamps >> EPOCH_BITS != self.stamp >> EPOCH_BITS)
        if self._clock is not None and others.any():
            chosen = stamps[others]
            known = self._clock[(chosen >> EPOCH_BITS) - self._first]
            others[others] = known <= (chosen & (_EPOCHS - 1))
        return others

    def extended(self, ids: Array) -> Array:
        """Returns the reader sets `ids`, each with the program that is running added."""
        first = int(ids.flat[0])
        if (ids == first).all():
            return np.full(ids.shape, self._extend(first), np.int64)
        distinct, places = np.unique(ids, return_inverse=True)
        made = np.array([self._extend(int(each)) for each in distinct], np.int64)
        return made[places.reshape(ids.shape)]

    def unordered_member(self, ids: Array) -> Array:
        """Returns for each reader set a stamp in it that nothing orders before now, or NOBODY."""
        distinct, places = np.unique(ids, return_inverse=True)
        found = np.array([self._first_unordered(int(each)) for each in distinct], np.int64)
        return found[places.reshape(ids.shape)]

    def _keys(self, storage: int) -> list[tuple[int, int]]:
        return [key for key in self._released if key[0] == storage]

    def _extend(self, identity: int) -> int:
        if identity < self._node_base:
            identity = 0  # of an earlier launch
        made = self._extended.get(identity)
        if made is None:
            parent = identity
            if identity:
                before, stamp = self._nodes[identity - self._node_base]
                if stamp == self.stamp:
                    return identity
                if stamp >> EPOCH_BITS == self.stamp >> EPOCH_BITS:
                    parent = before
            self._nodes.append((parent, self.stamp))
            made = self._extended[identity] = self._node_base + len(self._nodes) - 1
        return made

    def _first_unordered(self, identity: int) -> int:
        while identity >= self._node_base:
            identity, stamp = self._nodes[identity - self._node_base]
            if stamp >> EPOCH_BITS != self.stamp >> EPOCH_BITS and not self._knows(stamp):
                return stamp
        return NOBODY

    def _knows(self, stamp: int) -> bool:
        return self._clock is not None and bool(self._clock[self.rank(stamp)] > stamp & (_EPOCHS - 1))

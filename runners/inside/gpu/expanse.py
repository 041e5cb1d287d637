"""Addresses for buffers that lie far from each other, as in a process that fills a large card.

A kernel may take the difference of two addresses for a number of 32 bits, or rely on two tensors being neighbours. So
buffers are placed in a wide range of addresses such that distances of every order of magnitude come up.
"""

from __future__ import annotations

import secrets
from typing import Final

EXPANSE_BYTES: Final = 1 << 40
LEAST_APART: Final = 22  # bits: two pages
TRIES: Final = 1000


class Expanse:
    """Addresses from `first` on, `nbytes` of them; used by one thread."""

    def __init__(self, first: int, nbytes: int) -> None:
        """Nothing is placed yet."""
        self._first = first
        self._nbytes = nbytes
        self._taken: dict[int, int] = {}

    def take(self, nbytes: int, page: int) -> int | None:
        """Returns where `nbytes` free addresses start, a multiple of `page` from the first; None where none are found.

        The order of magnitude of the distance is drawn, and then the distance.
        """
        for _ in range(TRIES):
            start = self._first + self._distance() // page * page
            if start + nbytes <= self._first + self._nbytes and self._is_free(start, nbytes):
                self._taken[start] = nbytes
                return start
        return None

    def give_back(self, start: int) -> None:
        """Frees what `take` returned."""
        del self._taken[start]

    def _distance(self) -> int:
        octaves = self._nbytes.bit_length() - 1 - LEAST_APART
        distance = 1 << (LEAST_APART + secrets.randbelow(octaves))
        return distance + secrets.randbelow(distance)

    def _is_free(self, start: int, nbytes: int) -> bool:
        return all(start + nbytes <= other or other + size <= start for other, size in self._taken.items())

"""What the launches of one candidate would be compiled for, as its runners reported it, each once.

The reports are claims, and a runner may send a new one with every answer for as long as the check lasts. So they are
kept up to a number and a size: a header of a megabyte becomes some 16 MB of objects, and a thousand of them would be
held by the judge, not by the container. What comes beyond is dropped; a candidate could as well not have reported it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from runners.specialisation import Specialisation

DISTINCT_CAP: Final = 1000
TEXT_CAP_CHARS: Final = 4 << 20  # a thousand kernels with twenty arguments print 2 million


class SeenLaunches:
    """Specialisations in the order in which they were first reported."""

    def __init__(self) -> None:
        self._declared: dict[str, Specialisation] = {}
        self._beyond: dict[str, Specialisation] = {}
        self._room_chars = TEXT_CAP_CHARS

    def note(self, reported: Iterable[Specialisation], *, declared: bool) -> None:
        """Takes up what is new; `declared`: the case has only sizes that the operator declares."""
        seen = self._declared if declared else self._beyond
        for one in reported:
            key = repr(one)
            if key not in seen and len(seen) < DISTINCT_CAP and len(key) <= self._room_chars:
                self._room_chars -= len(key)
                seen[key] = one

    @property
    def all(self) -> tuple[Specialisation, ...]:
        """What the launches so far would be compiled for.

        A block that holds a whole long row, or a head of 512, fits no GPU or takes the compiler minutes: of cases with
        sizes beyond the operator's own, only kernels that no other case has launched.
        """
        known = {one.kernel for one in self._declared.values()}
        return (*self._declared.values(), *(one for one in self._beyond.values() if one.kernel not in known))

    @property
    def configurations(self) -> int:
        """Among how many the autotuners of the launches so far could choose, at most; 0 where there was none."""
        return max((one.configurations for one in self._declared.values()), default=0)

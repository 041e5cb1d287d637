"""A candidate's turn on the machine: whoever makes a check asks, between two cases, whether others wait.

A check that takes long gives way to shorter ones, so that forty slow candidates don't make a hundred quick ones wait.
It gives its runner back first: what waits holds no memory but its plan. Deadlines are kept on the turn's own clock,
which stands still meanwhile.
"""

from __future__ import annotations

import time
from typing import Protocol


class GivenUp(BaseException):
    """A lent turn is over; not an Exception, so that nothing on the way takes it for what a candidate did."""


class Turn(Protocol):
    """What a check is told of the others."""

    @property
    def is_over(self) -> bool:
        """Whether others should go on first."""
        ...

    def give_way(self) -> None:
        """Lets others go first; returns when it is this one's turn again.

        Raises:
            GivenUp: it was lent, and will not come again.
        """
        ...

    def now(self) -> float:
        """Seconds on a clock that stands still while others have their turn."""
        ...


class Alone:
    """The turn of a check that shares the machine with nobody."""

    @property
    def is_over(self) -> bool:
        """Never."""
        return False

    def give_way(self) -> None:
        """Nobody waits."""

    def now(self) -> float:
        """The time."""
        return time.monotonic()


ALONE = Alone()

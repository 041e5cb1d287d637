"""What a run may use, kept exactly: rounds, tokens, money and time, over all calls, the lost ones included.

A call is begun only when the most that it can use still fits beside what is used and what others of the run have under
way; afterwards what it did use takes that place. So a budget is never overdrawn, and its last part may stay unused. The
most is certain, not likely: no tokeniser makes more tokens of a text than it has bytes, and the output has a limit. A
call that may be billed and whose bill nobody knows (it broke off, its process was killed) counts as the most.

Time is a clock's that does not jump; what an earlier process of the same run has used is added to it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from pipeline.generation.patience import Clock

ZERO: Final = Decimal(0)


class Limit(StrEnum):
    """What a budget limits."""

    ROUNDS = "rounds"
    TOKENS = "tokens"
    MONEY = "money"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Amount:
    """What was, or may be, used.

    Attributes:
        rounds: Candidates asked for.
        tokens: In and out, thinking included.
        usd: None where nobody knows a price.
    """

    rounds: int = 0
    tokens: int = 0
    usd: Decimal | None = ZERO

    def __add__(self, other: Amount) -> Amount:
        """Adds up; what has no price has no sum either."""
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Amount(self.rounds + other.rounds, self.tokens + other.tokens, usd)

    def times(self, count: int) -> Amount:
        """Returns so many of it."""
        return sum((self for _ in range(count)), Amount())


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a run may use; None limits nothing.

    Attributes:
        rounds: Candidates asked for.
        tokens: In and out, thinking included.
        usd: Refused where a model has no price.
        wall_s: From the beginning, checks included; a check ends with the case that it is at.
    """

    rounds: int | None = None
    tokens: int | None = None
    usd: Decimal | None = None
    wall_s: float | None = None

    def __post_init__(self) -> None:
        limits = (self.rounds, self.tokens, self.usd, self.wall_s)
        if all(limit is None for limit in limits):
            raise ValueError("a budget limits something")
        if any(limit is not None and not limit >= 0 for limit in limits):
            raise ValueError("a budget is not negative")

    def over(self, amount: Amount) -> Limit | None:
        """Returns the first limit that `amount` is beyond; None where there is none."""
        if self.rounds is not None and amount.rounds > self.rounds:
            return Limit.ROUNDS
        if self.tokens is not None and amount.tokens > self.tokens:
            return Limit.TOKENS
        if self.usd is not None and (amount.usd is None or amount.usd > self.usd):
            return Limit.MONEY
        return None


class Purse:
    """A budget and what is used of it. Thread-safe: operators that are worked on at once may share one."""

    def __init__(self, budget: Budget, clock: Clock | None = None, used_s: float = 0.0) -> None:
        """Starts the clock.

        Args:
            used_s: Seconds that earlier processes of the same run have used.
        """
        self._budget = budget
        self._clock = clock or Clock()
        self._began = self._clock.monotonic() - used_s
        self._changed = threading.Condition()
        self._used = Amount()
        self._under_way: list[Amount] = []
        self._is_closed = False

    @property
    def limits_money(self) -> bool:
        """Whether the budget holds a sum of money."""
        return self._budget.usd is not None

    @property
    def used(self) -> Amount:
        """What is used and settled."""
        with self._changed:
            return self._used

    @property
    def used_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock.monotonic() - self._began

    def close(self) -> None:
        """Ends the run: no time is left. Safe to call twice."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def left_s(self) -> float:
        """Seconds that are left; infinite where time is not limited, and 0 in a run that was ended."""
        if self._is_closed:
            return 0.0
        return float("inf") if self._budget.wall_s is None else self._budget.wall_s - self.used_s

    def begin(self, most: Amount) -> Limit | None:
        """Sets `most` apart for a call; returns the limit that forbids it, and then nothing is set apart.

        Where it would fit if calls under way used less than their most, it waits for these.
        """
        with self._changed:
            while True:
                if self.left_s() <= 0:
                    return Limit.TIME
                beyond = self._budget.over(self._used + most)
                if beyond is not None:
                    return beyond
                if self._budget.over(sum(self._under_way, self._used + most)) is None:
                    self._under_way.append(most)
                    return None
                self._changed.wait(timeout=1.0)  # time may end meanwhile

    def settle(self, most: Amount, used: Amount) -> None:
        """Puts what a call used in the place of what was set apart for it."""
        with self._changed:
            self._under_way.remove(most)
            self._used += used
            self._changed.notify_all()

    def recall(self, used: Amount) -> None:
        """Adds what an earlier process of the same run used."""
        with self._changed:
            self._used += used

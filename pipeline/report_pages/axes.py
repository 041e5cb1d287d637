"""Axes of charts: where a value lies, and which marks are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class LogAxis:
    """Whole powers of ten from `low` to `high` over `length` units, beginning at `start`; a negative one goes up."""

    low: int
    high: int
    start: int
    length: int

    def at(self, value: float) -> int:
        """Returns where a value lies; what is beyond an end lies on it."""
        place = (math.log10(value) - self.low) / (self.high - self.low) if value > 0 else 0.0
        return self.start + round(self.length * min(1.0, max(0.0, place)))

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Returns a mark at each power of ten, at most about eight."""
        step = max(1, (self.high - self.low) // 8)
        return tuple(Tick(self.at(10.0**power), _power(power)) for power in range(self.low, self.high + 1, step))


def log_axis(values: Iterable[float], start: int, length: int) -> LogAxis:
    """Returns an axis that holds all of `values` that are more than 0 and finite."""
    powers = [math.log10(value) for value in values if 0 < value < math.inf]
    low, high = (math.floor(min(powers) - 0.15), math.ceil(max(powers))) if powers else (0, 1)
    return LogAxis(low, max(high, low + 1), start, length)


def _power(power: int) -> str:
    plain = {-3: "0.001", -2: "0.01", -1: "0.1", 0: "1", 1: "10", 2: "100", 3: "1000"}
    return plain.get(power, f"1e{power}")

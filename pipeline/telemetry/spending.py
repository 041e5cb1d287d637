"""What one call of a model used, for whoever adds it up; who hears it decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Spending:
    """One call that was answered.

    Attributes:
        provider: As the roles file calls it; `model` likewise.
        usd: None where nobody knows the price.
    """

    role: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    usd: Decimal | None


HearSpending = Callable[[Spending], object]


def unheard(spending: Spending) -> None:
    """For who adds up nothing."""

"""What tokens cost: a table that the team keeps, as data, with the day that it holds for and where it is from.

    date: 2026-11-01
    source: the provider's price page, as read on that day
    prices:
      - {provider: anthropic, model: MODEL, input_usd: "3", cached_usd: "0.3", written_usd: "3.75", output_usd: "15"}

Prices are in US dollars for a million tokens. No price stands in code or is shipped: they change, contracts differ,
and a wrong one makes a budget that does not hold. Hence a money budget is refused for a model without a price. Sums
are decimal: they are compared with an invoice.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from pipeline.generation.exchange import Label, Stored, Usage
from pipeline.generation.strict_yaml import read_yaml

Dollars = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
_MILLION: Final = Decimal(1_000_000)


class Price(Stored):
    """Of one provider's model, in US dollars a million tokens.

    Attributes:
        provider: As the roles file calls it; `model` likewise.
        input_usd: What is neither read from the provider's cache (`cached_usd`) nor written to it (`written_usd`).
        output_usd: Thinking included.
    """

    provider: str
    model: str
    input_usd: Dollars
    cached_usd: Dollars
    written_usd: Dollars
    output_usd: Dollars

    def cost_usd(self, usage: Usage) -> Decimal:
        """Returns what a call cost, to the last digit."""
        fresh = usage.input_tokens - usage.cached_tokens - usage.written_tokens
        parts = (
            fresh * self.input_usd,
            usage.cached_tokens * self.cached_usd,
            usage.written_tokens * self.written_usd,
            usage.output_tokens * self.output_usd,
        )
        return sum(parts, Decimal(0)) / _MILLION

    def most_usd(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Returns what a call of at most so many tokens costs at most, whatever the provider's cache does."""
        dearest = max(self.input_usd, self.cached_usd, self.written_usd)
        return (input_tokens * dearest + output_tokens * self.output_usd) / _MILLION


class PriceTable(Stored):
    """The whole file.

    Attributes:
        date: The day that it holds for.
        source: Where it is from, for whoever doubts it.
    """

    date: date
    source: Label
    prices: tuple[Price, ...]

    @model_validator(mode="after")
    def _one_price_a_model(self) -> Self:
        names = [(one.provider, one.model) for one in self.prices]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"'{twice[1]}' of provider '{twice[0]}' has several prices")
        return self

    def of(self, provider: str, model: str) -> Price | None:
        """Returns the price of a provider's model; None where the table has none."""
        return next((one for one in self.prices if (one.provider, one.model) == (provider, model)), None)


def load_prices(path: Path) -> PriceTable:
    """Reads a price table.

    Raises:
        GenerationError: it can't be read, or is not a valid one.
    """
    return read_yaml(path, PriceTable, "a price table")

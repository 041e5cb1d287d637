"""Stands between patience and the journal and lets no call through that a run's budget does not hold.

Here and not around the whole question, because one question may be several calls: each that broke off may be billed.
What the journal holds is counted like all else and never refused: it is paid for, by an earlier process of the run.
"""

from __future__ import annotations

from typing import Final

from pipeline.generation.budgets import Amount, Purse
from pipeline.generation.exchange import Answer, Failure, Note, Outcome, Provider, Reason, Request, Usage
from pipeline.generation.journal import Journal
from pipeline.generation.prices import Price
from pipeline.telemetry.spending import HearSpending, Spending, unheard

# What providers add to a prompt: roles, the schema in other words. Some hundred tokens by what they document.
ADDED_TOKENS: Final = 4096


class Metered:
    """Asks another provider within a budget; thread-safe."""

    def __init__(
        self, provider: Provider, journal: Journal, purse: Purse, price: Price | None, spent: HearSpending = unheard
    ) -> None:
        """Takes whom to ask, where its answers are kept, and what they may use; `spent` hears what answers used."""
        self._spent = spent
        self._provider = provider
        self._journal = journal
        self._purse = purse
        self._price = price

    def ask(self, request: Request, note: Note) -> Outcome:
        """As `Provider.ask`; a call that the budget does not hold is a failure, and not made."""
        known = self._journal.find(request.digest)
        if known is not None:
            self._purse.recall(used_by(known, self._price))
            return known
        most = most_of(request, self._price)
        beyond = self._purse.begin(most)
        if beyond is not None:
            detail = f"what is left of the budget's {beyond} does not hold another call of the {request.role}"
            return Failure(Reason.OVER_BUDGET, detail)
        used = most  # of whatever raises, too
        try:
            outcome = self._provider.ask(request, note)
            if isinstance(outcome, Answer):
                used = used_by(outcome, self._price)
                self._tell(request, outcome, used)
            elif not outcome.has_begun:
                used = Amount()
            return outcome
        finally:
            self._purse.settle(most, used)

    def _tell(self, request: Request, answer: Answer, used: Amount) -> None:
        if answer.usage is not None:
            tokens = answer.usage.input_tokens, answer.usage.output_tokens
            self._spent(Spending(request.role, answer.provider, request.model, *tokens, used.usd))


def most_of(request: Request, price: Price | None) -> Amount:
    """Returns the most that one call can use: no tokeniser makes more tokens of a text than it has bytes."""
    texts = (*(part.text for part in request.parts), request.schema)
    input_tokens = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) + ADDED_TOKENS
    usd = None if price is None else price.most_usd(input_tokens, request.max_output_tokens)
    return Amount(tokens=input_tokens + request.max_output_tokens, usd=usd)


def used_by(answer: Answer, price: Price | None) -> Amount:
    """Returns what an answer used; nothing where it was not billed."""
    return Amount() if answer.usage is None else amount_of(answer.usage, price)


def amount_of(usage: Usage, price: Price | None) -> Amount:
    """Returns a usage as an amount."""
    usd = None if price is None else price.cost_usd(usage)
    return Amount(tokens=usage.input_tokens + usage.output_tokens, usd=usd)

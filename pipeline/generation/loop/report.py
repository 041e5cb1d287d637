"""What a run came to, and with which exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE, USAGE
from pipeline.generation.budgets import Amount, Budget, Limit
from pipeline.generation.exchange import Reason
from pipeline.generation.loop.course import End, best_of
from pipeline.generation.loop.records import AttemptRecord, Measured, PlansRecord
from pipeline.generation.loop.setting import Stopped
from pipeline.generation.loop.store import Terms
from pipeline.generation.prices import PriceTable
from policies.policy import Tier

# The user has to change something: a key, an account, the roles file.
_CONFIGURED: Final = frozenset({
    Reason.WRONG_KEY, Reason.NO_CREDIT, Reason.UNKNOWN_MODEL, Reason.KEY_IN_PROMPT, Reason.NOT_ACCEPTED,
    Reason.NOT_RECORDED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class FinishedOperator:
    """What a run came to for one operator.

    Attributes:
        plans: None where the run ended before there were any.
    """

    terms: Terms
    stopped: Stopped
    plans: PlansRecord | None
    attempts: tuple[AttemptRecord, ...]

    @property
    def best(self) -> AttemptRecord | None:
        """The attempt to take; None where none stands."""
        return best_of(self.attempts)

    @property
    def exit_code(self) -> int:
        """0 something stands, 1 all that was delivered is denied, 2 the user has to change something, 3 incomplete."""
        if self.best is not None:
            return ALLOWED
        reason = self.stopped.reason
        if isinstance(reason, Reason) and reason is not Reason.OVER_BUDGET:
            return USAGE if reason in _CONFIGURED else INCOMPLETE
        if reason in (End.NOT_THE_AUTHORS, End.UNMEASURED):
            return INCOMPLETE
        tiers = {one.outcome.tier for one in self.attempts if isinstance(one.outcome, Measured)}
        if self.attempts:
            return INCOMPLETE if tiers == {Tier.INCONCLUSIVE} else DENIED
        return INCOMPLETE if reason is Limit.TIME else USAGE


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has come to its end.

    Attributes:
        used: Over all calls for all operators, those that were lost included; `used_s` seconds, those of earlier
            processes included.
        prices: None where nobody gave any.
    """

    id: str
    budget: Budget
    used: Amount
    used_s: float
    prices: PriceTable | None
    operators: tuple[FinishedOperator, ...]

    @property
    def exit_code(self) -> int:
        """0 where something stands for every operator; else what the user can act on first: 2, 1, 3."""
        codes = {one.exit_code for one in self.operators}
        return next((code for code in (USAGE, DENIED, INCOMPLETE) if code in codes), ALLOWED)

    @property
    def measured(self) -> tuple[AttemptRecord, ...]:
        """The attempts that the gate has measured, operator by operator, in order."""
        attempts = (attempt for one in self.operators for attempt in one.attempts)
        return tuple(attempt for attempt in attempts if isinstance(attempt.outcome, Measured))

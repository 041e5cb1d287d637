"""What a run leaves beside its candidates: each one's provenance, and the whole run in one document.

Provenance is the attempt's record without evidence and code, which stand in files of their own next to it. The document
holds all attempts, those without a candidate too: what they cost was paid.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE, USAGE
from pipeline.generation.budgets import Amount, Budget, Limit
from pipeline.generation.exchange import Reason
from pipeline.generation.loop.course import End, best_of
from pipeline.generation.loop.records import AttemptRecord, Measured, PlansRecord
from pipeline.generation.loop.setting import Stopped
from pipeline.generation.loop.store import Terms
from pipeline.generation.prices import PriceTable
from policies.policy import Tier

_BESIDE: Final = {"outcome": {"evidence", "code"}}
# The user has to change something: a key, an account, the roles file.
_CONFIGURED: Final = frozenset({
    Reason.WRONG_KEY, Reason.NO_CREDIT, Reason.UNKNOWN_MODEL, Reason.KEY_IN_PROMPT, Reason.NOT_ACCEPTED,
    Reason.NOT_RECORDED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has come to its end.

    Attributes:
        used: Over all calls, those that were lost included; `used_s` seconds, those of earlier processes included.
        prices: None where nobody gave any.
        plans: None where the run ended before there were any.
    """

    id: str
    terms: Terms
    budget: Budget
    used: Amount
    used_s: float
    prices: PriceTable | None
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


def provenance_json(record: AttemptRecord) -> str:
    """Returns where a candidate is from."""
    return _dumped(_provenance(record))


def report_json(finished: Finished, folder: str) -> str:
    """Returns the whole run.

    Args:
        folder: The run folder.
    """
    prices, best = finished.prices, finished.best
    return _dumped(
        {
            "schema_version": 1,
            "run": finished.id,
            "folder": folder,
            "exit_code": finished.exit_code,
            "terms": finished.terms.model_dump(mode="json"),
            "budget": _sums(finished.budget),
            "used": _sums(Budget(finished.used.rounds, finished.used.tokens, finished.used.usd, finished.used_s)),
            "prices": None if prices is None else {"date": str(prices.date), "source": prices.source},
            "stopped": {"reason": finished.stopped.reason.value, "detail": finished.stopped.detail},
            "best": None if best is None else best.number,
            "plans": None if finished.plans is None else finished.plans.model_dump(mode="json"),
            "attempts": [_provenance(one) for one in finished.attempts],
        }
    )


def _provenance(record: AttemptRecord) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude=_BESIDE)


def _sums(budget: Budget) -> dict[str, Any]:
    """Money as text: it is decimal, and a float would round it."""
    usd = None if budget.usd is None else str(budget.usd)
    return {"rounds": budget.rounds, "tokens": budget.tokens, "usd": usd, "wall_s": budget.wall_s}


def _dumped(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"

"""One question to a role, and its record: what it used in all, with the calls that left no answer."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pipeline.generation.budgets import Amount, Purse
from pipeline.generation.content import Content
from pipeline.generation.exchange import Answer, Outcome, Part
from pipeline.generation.journal import Journal
from pipeline.generation.loop.records import CallRecord, parts_of
from pipeline.generation.metering import most_of, used_by
from pipeline.generation.opening import TakenRole


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question, and what is kept of it."""

    outcome: Outcome
    record: CallRecord


def ask(
    taken: TakenRole, operator: str, parts: tuple[Part, ...], wanted: type[Content], serial: int, journal: Journal,
    purse: Purse,
) -> Asked:  # fmt: skip
    """Asks within the budget; as `TakenRole.ask`.

    Calls of the same question that an earlier process of the run lost are counted before anything is asked.

    Raises:
        GenerationError: the journal is damaged.
        JournalError: the journal can't be written.
    """
    request = taken.request(operator, parts, wanted, serial)
    most = most_of(request, taken.price)
    if taken.is_billed:
        purse.recall(most.times(journal.unanswered(request.digest)))
    began = time.monotonic()
    outcome = taken.ask(operator, parts, wanted, serial)
    wall_s = time.monotonic() - began
    unanswered = journal.unanswered(request.digest) if taken.is_billed else 0
    answer = outcome if isinstance(outcome, Answer) else None
    used = used_by(answer, taken.price) if answer is not None and taken.is_billed else Amount()
    used += most.times(unanswered)
    record = CallRecord(
        role=taken.role,
        provider=taken.configuration.provider,
        model=taken.configuration.model,
        answered_by=answer.model if answer is not None else None,
        request=request.digest,
        request_id=answer.request_id if answer is not None else None,
        response_id=answer.response_id if answer is not None else None,
        ending=answer.ending if answer is not None else None,
        failure=None if isinstance(outcome, Answer) else outcome.reason,
        detail=outcome.remark if isinstance(outcome, Answer) else outcome.detail,
        usage=answer.usage if answer is not None else None,
        unanswered=unanswered,
        tokens=used.tokens,
        usd=used.usd,
        begun_at=answer.begun_at if answer is not None else None,
        wall_s=wall_s,
        parts=parts_of(parts),
    )
    return Asked(outcome, record)

"""From a move to what the author is given: the plan, the code so far, what was found in it, what was tried, what to
know.

Made of the records alone, like the move: a run that goes on asks the same question again, and the journal answers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.generation.knowledge.context import Context, context_for
from pipeline.generation.knowledge.index import Index
from pipeline.generation.loop.course import Mend, Move, Quicken, Write
from pipeline.generation.loop.feedback import fault_of
from pipeline.generation.loop.records import AttemptRecord, Complaint, Measured, Purpose
from pipeline.generation.loop.slowness import slowness_of
from pipeline.generation.prompts import Attempt

CONTEXT_CHARS: Final = 6000  # of what is looked up for one attempt
LEDGER_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class Task:
    """What one attempt is asked for."""

    strategy: int
    purpose: Purpose
    parent: int | None
    attempt: Attempt


def task_for(move: Move, plans: Sequence[str], attempts: Sequence[AttemptRecord], index: Index) -> Task:
    """Returns what to ask for, after `attempts`."""
    ledger = tuple(f"attempt {one.number}, strategy {one.strategy + 1}: {one.line}" for one in attempts[-LEDGER_LINES:])
    match move:
        case Write(strategy):
            return Task(strategy, "write", None, Attempt(plan=plans[strategy], ledger=ledger))
        case Mend(parent):
            assert parent.complaint is not None
            code = _latest_code(parent, attempts)
            attempt = Attempt(
                plan=parent.plan,
                code=code,
                failure=parent.complaint.text,
                ledger=ledger,
                context=_looked_up(parent.complaint, code, index),
            )
            return Task(parent.strategy, "mend", parent.number, attempt)
        case Quicken(parent):
            assert isinstance(parent.outcome, Measured)
            speed = slowness_of(parent.outcome.evidence)
            return Task(
                parent.strategy,
                "speed",
                parent.number,
                Attempt(plan=parent.plan, code=parent.code, speed=speed, ledger=ledger),
            )


def _latest_code(parent: AttemptRecord, attempts: Sequence[AttemptRecord]) -> str:
    """The code to mend: of an answer that held none it is what that answer should have mended."""
    codes = (one.code for one in reversed(attempts[: parent.number]) if one.strategy == parent.strategy)
    return next((code for code in codes if code), "")


def _looked_up(complaint: Complaint, code: str, index: Index) -> Context | None:
    context = context_for(index, fault_of(complaint, code, index), CONTEXT_CHARS)
    return context if context.included or context.left_out else None

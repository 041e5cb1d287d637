"""Reads the runs of experiments: what each came to and used, and which have not come to an end.

A run that was finished and went on has several documents, in which the same attempts stand. It is one trial, and its
first document that decided something counts: otherwise failures could be tried again until they are none.

A run that was begun and has no document may still go on, or somebody has given it up. If one variant has more of these,
its other runs are not all that chance gave it, so they are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.errors import StoredRunError
from pipeline.experiments.conditions import Conditions, conditions_of
from pipeline.generating.run import UNDER_WAY
from pipeline.generation.assignment import Assignment
from pipeline.generation.budgets import Amount, Limit
from pipeline.generation.exchange import Reason
from pipeline.generation.loop.course import End
from pipeline.generation.loop.documents import OperatorDocument, RunDocument, documents_in, read_document
from pipeline.generation.loop.store import Terms
from pipeline.reporting import Report

# A run that ended so had its chance. All other reasons, also those to come, are our side's, a provider's or the user's.
_HAD_ITS_CHANCE: Final = frozenset(
    {End.OUT_OF_STRATEGIES.value, Reason.OVER_BUDGET.value, *(one.value for one in Limit)}
)
NOTHING_ASKED: Final = "nothing-was-asked"


@dataclass(frozen=True, slots=True)
class Used:
    """What a run used.

    Attributes:
        usd: None where nobody knows a price.
        wall_s: Seconds, checks included.
    """

    tokens: int
    usd: Decimal | None
    wall_s: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One operator's run with the variant that was drawn for it.

    Attributes:
        stands: The number of its first attempt that stands; None where none does.
        left_out: Why it is neither a success nor a failure; None where it is one of them.
    """

    assignment: Assignment
    conditions: Conditions
    used: Used
    stands: int | None
    left_out: str | None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that was begun and has not come to an end."""

    assignment: Assignment
    operator: str


@dataclass(frozen=True, slots=True)
class Trials:
    """All that there are, in the order in which they were begun."""

    finished: tuple[Trial, ...]
    unfinished: tuple[Unfinished, ...]


def read_trials(runs: Path, report: Report) -> Trials:
    """Reads the trials of all experiments.

    Args:
        runs: Where the run folders are.
        report: Told of each file that can't be read; it is left out.
    """
    trials: dict[tuple[str, str, str], Trial] = {}
    for trial in _finished(runs, report):
        key = (trial.assignment.digest, trial.assignment.run, trial.conditions.terms.operator)
        if key not in trials or trials[key].left_out is not None:
            trials[key] = trial
    unfinished = tuple(
        one for one in _begun(runs, report) if (one.assignment.digest, one.assignment.run, one.operator) not in trials
    )
    ordered = sorted(trials.values(), key=lambda one: (one.assignment.run, one.conditions.terms.operator))
    return Trials(tuple(ordered), unfinished)


def _finished(runs: Path, report: Report) -> Iterator[Trial]:
    for path in documents_in(runs):
        try:
            document = read_document(path)
        except StoredRunError as error:
            report(f"left out: {error}")
            continue
        for operator in document.operators:
            assignment = operator.terms.experiment
            if assignment is not None:
                yield _trial(operator, assignment, document)


def _begun(runs: Path, report: Report) -> Iterator[Unfinished]:
    for path in sorted((runs / UNDER_WAY).glob("*/*/terms.json")):
        try:
            terms = Terms.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            report(f"left out: {path} is damaged, or of another version")
            continue
        if terms.experiment is not None:
            yield Unfinished(terms.experiment, terms.operator)


def _trial(operator: OperatorDocument, assignment: Assignment, document: RunDocument) -> Trial:
    standing = [one.number for one in operator.attempts if one.allowed]
    left_out = None
    if operator.best is None:
        reason = operator.stopped.reason
        left_out = None if reason in _HAD_ITS_CHANCE else reason
        if not operator.attempts and left_out is None:
            left_out = NOTHING_ASKED  # the budget did not hold the first question, whatever stood in it
    return Trial(
        assignment=assignment,
        conditions=conditions_of(operator, document),
        used=_used(operator, document),
        stands=min(standing, default=None),
        left_out=left_out,
    )


def _used(operator: OperatorDocument, document: RunDocument) -> Used:
    """Returns what the operator's run used.

    Where it was alone that is all of the run. Of several operators' runs the records tell what is whose, and lack what
    has none: an answer that the time ended before it was measured.
    """
    whole = document.used
    if len(document.operators) == 1 and whole.tokens is not None and whole.wall_s is not None:
        return Used(whole.tokens, whole.usd, whole.wall_s)
    planning = None if operator.plans is None else operator.plans.call
    plans = Amount() if planning is None else planning.amount
    amount = sum((one.amount for one in operator.attempts), plans)
    wall_s = sum((one.wall_s for one in operator.attempts), 0.0 if planning is None else planning.wall_s)
    return Used(amount.tokens, amount.usd, wall_s)

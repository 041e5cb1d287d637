"""What is next, decided from the records alone: pure, so that a run that was killed goes on where it was.

Each strategy is repaired in turn until it stands or fails twice in the same way: a model that repeats a failure has
no new idea, and another plan costs less than a third try. Whether the two follow each other does not matter, or it
could go to and fro between two failures for ever. Once something stands no other strategy is begun: from then on the
fastest is made faster, but only where speed was measured; nobody improves what nobody measures. That ends with the
budget, or when the author delivers what it has delivered before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.generation.loop.records import AttemptRecord


class End(StrEnum):
    """Why a run has nothing left to do."""

    STANDS = "stands"  # a candidate stands, and speed is not measured or not to be had
    OUT_OF_STRATEGIES = "out-of-strategies"
    NOT_THE_AUTHORS = "not-the-authors"  # what is missing is nothing that an author could mend
    UNMEASURED = "unmeasured"  # our side failed; going on may help


@dataclass(frozen=True, slots=True)
class Write:
    """Begin a strategy."""

    strategy: int


@dataclass(frozen=True, slots=True)
class Mend:
    """Ask the author to mend an attempt."""

    attempt: AttemptRecord


@dataclass(frozen=True, slots=True)
class Quicken:
    """Ask the optimiser to make an attempt faster."""

    attempt: AttemptRecord


Move = Write | Mend | Quicken


def next_move(strategies: int, attempts: Sequence[AttemptRecord]) -> Move | End:
    """Returns what is to be done after `attempts`, or why nothing is."""
    if not attempts:
        return Write(0)
    last = attempts[-1]
    best = best_of(attempts)
    if best is not None:
        return _after_success(best, last, attempts)
    if last.complaint is None:
        return End.NOT_THE_AUTHORS
    if not _repeats(attempts):
        return Mend(last)
    following = last.strategy + 1
    return Write(following) if following < strategies else End.OUT_OF_STRATEGIES


def best_of(attempts: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """Returns the fastest attempt that stands, the first where speed was not measured; None where none stands."""
    standing = [one for one in attempts if one.allowed]
    return max(standing, key=lambda one: (one.share_of_roof or 0.0, -one.number), default=None)


def _after_success(best: AttemptRecord, last: AttemptRecord, attempts: Sequence[AttemptRecord]) -> Move | End:
    if last.allowed and last.complaint is not None and not _repeats(attempts):
        return Mend(last)  # a reviewer asks
    if best.share_of_roof is None:
        return End.STANDS
    has_new_code = bool(last.code) and last.code not in {one.code for one in attempts[:-1]}
    has_new_problem = not last.code and not _repeats(attempts)
    return Quicken(best) if has_new_code or has_new_problem else End.STANDS


def _repeats(attempts: Sequence[AttemptRecord]) -> bool:
    """Whether the last failure was seen before in the same strategy."""
    last = attempts[-1]
    assert last.complaint is not None
    seen = [one.complaint.fingerprint for one in attempts[:-1] if one.strategy == last.strategy and one.complaint]
    return last.complaint.fingerprint in seen

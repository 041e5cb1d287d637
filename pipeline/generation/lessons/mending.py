"""What mended a failed attempt: the first one after it in its chain that came as far and does not show the mistake.

A chain is what was made of the attempt: its child, the child's child and so on, in the same strategy. The loop's own
sign that something moved, another fingerprint, is not enough here. The mistake may be in another line now; or the
follower failed before the check that would show it: an answer without code, or a source that was denied, mends nothing
that only running it can show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.generation.lessons.mistakes import Mistake
from pipeline.generation.lessons.tried import OperatorRun, Tried


@dataclass(frozen=True, slots=True)
class Mended:
    """What a mistake ended with.

    Attributes:
        tries: Attempts from the failed one to it; 1 is the next.
    """

    by: Tried
    tries: int


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt that failed; `mended` is None where nothing is known to have mended it."""

    tried: Tried
    mistake: Mistake
    mended: Mended | None


def failures_in(run: OperatorRun) -> Iterator[Failed]:
    """Yields the failed attempts of a run, in order."""
    for number, tried in enumerate(run.attempts):
        if tried.mistake is not None:
            yield Failed(tried, tried.mistake, _mended(tried, tried.mistake, run.attempts[number + 1 :]))


def _mended(failed: Tried, mistake: Mistake, later: tuple[Tried, ...]) -> Mended | None:
    for tries, one in enumerate(_chain(failed, later), start=1):
        if one.reach >= failed.reach and (one.mistake is None or one.mistake.key != mistake.key):
            return Mended(one, tries)
    return None


def _chain(first: Tried, later: tuple[Tried, ...]) -> Iterator[Tried]:
    numbers = {first.record.number}
    for one in later:
        if one.record.parent in numbers and one.record.strategy == first.record.strategy:
            numbers.add(one.record.number)
            yield one

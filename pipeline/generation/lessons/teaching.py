"""Chooses what a run is told of earlier ones: the operator's own mistakes first, then those that others made.

The words are ours: a rule's title and remedy, a kind of case, a count. Two things are a model's: the name that does not
exist, and the change that mended it; the template puts both in frames. Messages of the compiler or of candidates,
cases, seeds and plans are not in it, and a reviewer gets none of it.

It is in each prompt of a run and paid for each time, so it is short. A change that is long is not told, nor is one that
does not fit beside the others; its lesson then stands without it, or not at all. A lesson that an author can do nothing
with is not told, nor one whose rule the policy waives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from pipeline.generation.lessons.ranking import lessons_of
from pipeline.generation.lessons.reading import Runs
from pipeline.generation.lessons.report import Lesson
from pipeline.generation.lessons.taught import Taught, TaughtLesson

NEWEST: Final = 200  # runs that are looked through when a run begins
TOLD: Final = 5
CHARS: Final = 3000  # of all lessons together, without their frames
CHANGE: Final = 1200  # of one change: the first must not take the room of all


def taught_by(runs: Runs, operator: str, waived: Collection[str] = ()) -> Taught:
    """Returns what is told to who writes a kernel of `operator`.

    Args:
        waived: Rules that its policy does not apply.

    Raises:
        StoredRunError: a candidate's file was changed since the runs were read.
    """
    told: list[TaughtLesson] = []
    left = CHARS
    for lesson in _by_frequency(runs, operator, waived):
        fitting = next((one for one in (lesson, lesson.model_copy(update={"change": ""})) if one.chars <= left), None)
        if fitting is None or len(told) == TOLD:
            break
        told.append(fitting)
        left -= fitting.chars
    return Taught(lessons=tuple(told))


def _by_frequency(runs: Runs, operator: str, waived: Collection[str]) -> Iterator[TaughtLesson]:
    own = lessons_of(runs.of(operator))
    known = {lesson.key for lesson in own}
    others = (lesson for lesson in lessons_of(runs.without(operator)) if lesson.key not in known)
    for is_own, lessons in ((True, own), (False, others)):
        for lesson in lessons:
            if lesson.remedy and lesson.rule not in waived:
                yield _told(lesson, is_own=is_own)


def _told(lesson: Lesson, *, is_own: bool) -> TaughtLesson:
    change = "" if lesson.example.mended is None else lesson.example.mended.change
    return TaughtLesson(
        title=lesson.title,
        remedy=lesson.remedy,
        where=lesson.where,
        symbol=lesson.symbol,
        attempts=lesson.attempts,
        runs=lesson.runs,
        is_own=is_own,
        change=change if len(change) <= CHANGE else "",
    )

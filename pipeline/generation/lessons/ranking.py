"""Counts mistakes: how often each is made, how often and how soon it is mended, and what it costs.

Frequent is what most attempts show; a run can't push a mistake far up, since the loop gives a strategy up when it fails
a second time in the same way.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pipeline.generation.budgets import Amount
from pipeline.generation.lessons.changes import change_between
from pipeline.generation.lessons.mending import Failed, Mended, failures_in
from pipeline.generation.lessons.reading import Runs
from pipeline.generation.lessons.report import Failure, Lesson, LessonsDocument, Mending
from pipeline.generation.lessons.tried import text_of
from pipeline.generation.lessons.words import saying_of


def lessons_document(runs: Runs, operator: str | None = None) -> LessonsDocument:
    """Returns all that the runs teach, about one operator or all.

    Raises:
        StoredRunError: a candidate's file was changed since the runs were read.
    """
    chosen = runs.of(operator)
    failures = [one for run in chosen.operators for one in failures_in(run)]
    return LessonsDocument(
        operator=operator,
        runs=runs.read,
        damaged=runs.damaged,
        attempts=sum(len(run.attempts) for run in chosen.operators),
        lessons=lessons_of(chosen),
        failures=tuple(map(failure_of, failures)),
    )


def lessons_of(runs: Runs) -> tuple[Lesson, ...]:
    """Returns the lessons of all that is in `runs`, the most frequent first; raises as `lessons_document`."""
    groups: dict[str, list[Failed]] = defaultdict(list)
    for run in runs.operators:
        for one in failures_in(run):
            groups[one.mistake.key].append(one)
    used = _sum(tried.record.amount for run in runs.operators for tried in run.attempts)
    lessons = (_lesson(group, used) for group in groups.values())
    return tuple(sorted(lessons, key=lambda one: (-one.attempts, -one.runs, one.rule, one.key)))


def failure_of(failed: Failed) -> Failure:
    """Returns the record of a failed attempt; raises as `lessons_document`."""
    record = failed.tried.record
    assert record.complaint is not None
    return Failure(
        run=failed.tried.run,
        operator=record.operator,
        attempt=record.number,
        strategy=record.strategy,
        rule=failed.mistake.rule,
        fingerprint=record.complaint.fingerprint,
        lesson=failed.mistake.key,
        line=record.complaint.line,
        mended=None if failed.mended is None else _mending(failed, failed.mended),
    )


def _mending(failed: Failed, mended: Mended) -> Mending:
    before, after = text_of(failed.tried), text_of(mended.by)
    return Mending(
        attempt=mended.by.record.number,
        tries=mended.tries,
        stands=mended.by.record.allowed,
        change=change_between(before, after) if before and after else "",
    )


def _lesson(group: Sequence[Failed], used: Amount) -> Lesson:
    mistake = group[0].mistake
    saying = saying_of(mistake.rule)
    tries = [one.mended.tries for one in group if one.mended is not None]
    cost = _sum(one.tried.record.amount for one in group)
    return Lesson(
        key=mistake.key,
        rule=mistake.rule,
        where=mistake.where,
        symbol=mistake.symbol,
        title=saying.title,
        remedy=saying.remedy,
        attempts=len(group),
        runs=len({one.tried.run for one in group}),
        operators=tuple(sorted({one.tried.record.operator for one in group})),
        mended_next=tries.count(1),
        mended=len(tries),
        median_tries=statistics.median(tries) if tries else None,
        tokens=cost.tokens,
        tokens_share=cost.tokens / used.tokens if used.tokens else None,
        usd=cost.usd,
        usd_share=_share(cost.usd, used.usd),
        example=failure_of(max(group, key=_tells)),
    )


def _tells(failed: Failed) -> tuple[bool, bool, int, str, int]:
    """The better an example the larger: it was mended, by one that stands, at once; then the newest."""
    mended, tried = failed.mended, failed.tried
    newest = (tried.run, tried.record.number)
    if mended is None:
        return False, False, 0, *newest
    return True, mended.by.record.allowed, -mended.tries, *newest


def _sum(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, Amount())


def _share(part: Decimal | None, whole: Decimal | None) -> float | None:
    return float(part / whole) if part is not None and whole else None

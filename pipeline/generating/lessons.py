"""Gives each operator of a run what earlier runs taught: chosen once, when its store is not begun yet.

The choice is kept before the terms are agreed. A run that goes on takes what is kept, whatever runs came meanwhile;
one that was begun without lessons goes on without. Whoever asks for none where there were some is told so by the terms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.generating.wanted import Prepared, PreparedOperator
from pipeline.generation.lessons.reading import read_runs
from pipeline.generation.lessons.taught import NOTHING, Taught
from pipeline.generation.lessons.teaching import NEWEST, taught_by
from pipeline.generation.loop.store import RunStore
from pipeline.reporting import Report


def with_lessons(
    prepared: Prepared, stores: Mapping[str, RunStore], runs: Path, report: Report, *, is_wanted: bool
) -> Prepared:
    """Returns the same with what each operator's author is told; the stores' locks are held.

    Args:
        runs: Where the run folders are; what of them is damaged is reported.

    Raises:
        GenerationError: what was kept is damaged.
        RunFolderError: a store can't be written.
        StoredRunError: a candidate's file was changed while the runs were read.
    """
    new = [one for one in prepared.operators if not stores[one.name].is_begun] if is_wanted else []
    chosen = dict(_chosen(new, runs, report)) if new else {}
    for name, lessons in chosen.items():
        stores[name].keep_lessons(lessons)

    def told(one: PreparedOperator) -> PreparedOperator:
        lessons = chosen[one.name] if one.name in chosen else stores[one.name].lessons() if is_wanted else NOTHING
        terms = one.terms.model_copy(update={"lessons": lessons.digest})
        return dataclasses.replace(one, terms=terms, lessons=lessons)

    return dataclasses.replace(prepared, operators=tuple(map(told, prepared.operators)))


def _chosen(new: list[PreparedOperator], runs: Path, report: Report) -> Iterator[tuple[str, Taught]]:
    earlier = read_runs(runs, newest=NEWEST)
    for line in earlier.damaged:
        report(line)
    for one in new:
        yield one.name, taught_by(earlier, one.name, one.subject.policy.source.waived_rules)

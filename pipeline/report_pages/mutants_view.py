"""What became of the candidate's mutants: a test that lets changed kernels pass says little about the unchanged one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.report_pages.verdict_view import DiffLine, diff_lines
from pipeline.report_pages.visible import cut
from pipeline.report_pages.wording import counted, percent
from runners.evidence import Evidence, Missing, MutantsEvidence

SURVIVORS: Final = 100
DIFF_COLUMNS: Final = 4000
_BUCKETS: Final = ((0, 0, "while loading"), (1, 1, "1"), (2, 3, "2 to 3"), (4, 10, "4 to 10"), (11, 30, "11 to 30"),
                   (31, 100, "31 to 100"), (101, 1 << 62, "later"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """A count with its name; `share` is that of the largest, in permille."""

    name: str
    count: int
    share: int


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that passed."""

    id: str
    line: int
    diff: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class MutantsView:
    """All of it; `lacks` says why there is nothing, where there is nothing."""

    lacks: str
    summary: str
    killed: int
    survived: int
    killed_share: int
    killed_by: tuple[Bar, ...]
    first_kills: tuple[Bar, ...]
    survivors: tuple[Survivor, ...]
    more: int
    operator: str


def mutants_view(evidence: Evidence) -> MutantsView:
    """Returns what became of them."""
    mutants, operator = evidence.mutants, _operator(evidence)
    if isinstance(mutants, Missing):
        return MutantsView(f"None were run: {mutants.reason}.", "", 0, 0, 0, (), (), (), 0, operator)
    return MutantsView(
        lacks="",
        summary=" ".join(_summary(mutants)),
        killed=mutants.killed,
        survived=len(mutants.survivors),
        killed_share=round(1000 * mutants.kill_rate) if mutants.judged else 0,
        killed_by=_bars((name.replace("_", " "), count) for name, count in mutants.killed_by.items()),
        first_kills=_bars(_kills(mutants)),
        survivors=tuple(
            Survivor(one.id, one.line, diff_lines(cut(one.diff, DIFF_COLUMNS))) for one in mutants.survivors[:SURVIVORS]
        ),
        more=max(0, len(mutants.survivors) - SURVIVORS),
        operator=operator,
    )


def _summary(mutants: MutantsEvidence) -> Iterator[str]:
    yield f"{mutants.killed} of {counted(mutants.judged, 'mutant')} killed ({percent(mutants.kill_rate)}),"
    yield f"of {mutants.possible} that the source has."
    if mutants.denied:
        yield f"{mutants.denied} were passed over: the static contract denies them."
    if mutants.inconclusive:
        yield f"The interpreter could not run {mutants.inconclusive}."
    if mutants.deadline_spent:
        yield "The total deadline ended the check before its last mutant."


def _kills(mutants: MutantsEvidence) -> Iterator[tuple[str, int]]:
    for low, high, name in _BUCKETS:
        count = sum(low <= kill <= high for kill in mutants.first_kills)
        if mutants.first_kills and (count or low):
            yield name, count


def _bars(counts: Iterator[tuple[str, int]]) -> tuple[Bar, ...]:
    found = list(counts)
    most = max((count for _, count in found), default=0)
    return tuple(Bar(name, count, round(1000 * count / most) if most else 0) for name, count in found)


def _operator(evidence: Evidence) -> str:
    strength = evidence.strength
    if isinstance(strength, Missing):
        return f"How strong the operator's own test is, is not known here: {strength.reason}."
    passed = f"; these passed: {', '.join(strength.passed_over)}" if strength.passed_over else ""
    return (
        f"The test of {strength.operator} itself was examined on {strength.checked}: over "
        f"{counted(strength.kernels, 'right kernel')} it kills {strength.killed} of {strength.killed + strength.alive} "
        f"mutants, {strength.equivalent} more being equivalent, and it was shown "
        f"{counted(strength.degenerates, 'kind')} of degenerate outputs{passed}."
    )

"""Every case that was run, in order: by phase, drawn as a line of time, and one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.report_pages.tone import Tone
from pipeline.report_pages.visible import cut
from pipeline.report_pages.wording import seconds, short
from runners.evidence import ExaminedCase, Missing, PropertiesEvidence

_TONES: Final[dict[str, Tone]] = {"agreed": "good", "failed": "bad", "unsupported": "warn"}
_WORDS: Final = {
    "agreed": "right", "failed": "failed", "unsupported": "can't be run", "refused": "refused",
    "beyond_reach": "beyond reach",
}  # fmt: skip
_SHORTEST_S: Final = 1e-3
_TALL: Final = 60


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """A part of the check: how many cases, what came of them, and how long they took."""

    name: str
    cases: int
    outcomes: str
    time: str
    share: int
    slowest: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case."""

    number: int
    phase: str
    dtype: str
    sizes: str
    tensors: str
    tone: Tone
    word: str
    ratio: str
    time: str


@dataclass(frozen=True, slots=True)
class CaseBar:
    """A case on the line of time: how high, in powers of ten of its seconds."""

    x: int
    height: int
    tone: Tone


@dataclass(frozen=True, slots=True)
class CasesView:
    """All cases; `lacks` says why there are none."""

    lacks: str
    phases: tuple[PhaseRow, ...]
    bars: tuple[CaseBar, ...]
    rows: tuple[CaseRow, ...]
    left_out: int
    slowest: str
    failed: str


def cases_view(properties: PropertiesEvidence | Missing) -> CasesView:
    """Returns the trail of the properties check."""
    if isinstance(properties, Missing):
        return CasesView(f"No case was run: {properties.reason}.", (), (), (), 0, "", "")
    trail = properties.trail
    if not trail:
        why = "no case was reached" if properties.failed_at == 0 else "not recorded: evidence of an earlier version"
        return CasesView(f"The cases one by one: {why}.", (), (), (), 0, "", "")
    return CasesView(
        lacks="",
        phases=tuple(_phases(trail)),
        bars=tuple(_bars(trail)),
        rows=tuple(_row(number, one) for number, one in enumerate(trail, start=1)),
        left_out=properties.left_out,
        slowest=seconds(max(one.wall_s for one in trail)),
        failed=_failed(trail),
    )


def _phases(trail: Sequence[ExaminedCase]) -> Iterator[PhaseRow]:
    total = sum(one.wall_s for one in trail)
    for phase in dict.fromkeys(one.phase for one in trail):
        own = [one for one in trail if one.phase == phase]
        spent = sum(one.wall_s for one in own)
        outcomes = [one.outcome for one in own]
        words = ", ".join(f"{outcomes.count(outcome)} {_WORDS[outcome]}" for outcome in dict.fromkeys(outcomes))
        share = round(1000 * spent / total) if total > 0 else 0
        yield PhaseRow(phase, len(own), words, seconds(spent), share, seconds(max(one.wall_s for one in own)))


def _bars(trail: Sequence[ExaminedCase]) -> Iterator[CaseBar]:
    longest = max(one.wall_s for one in trail)
    decades = max(1.0, math.log10(max(longest, _SHORTEST_S) / _SHORTEST_S))
    for number, one in enumerate(trail):
        place = math.log10(max(one.wall_s, _SHORTEST_S) / _SHORTEST_S) / decades
        yield CaseBar(number, 3 + round((_TALL - 3) * place), _TONES.get(one.outcome, "none"))


def _row(number: int, one: ExaminedCase) -> CaseRow:
    sizes = " ".join(f"{name}={size}" for name, size in one.sizes.items())
    scalars = "".join(f" {name}={value:g}" for name, value in one.scalars.items())
    return CaseRow(
        number=number,
        phase=one.phase,
        dtype=one.dtype,
        sizes=cut(f"{one.form} {sizes}{scalars}", 200),
        tensors=cut("; ".join(f"{name}: {_fill(one, name)}" for name in one.tensors), 300),
        tone=_TONES.get(one.outcome, "none"),
        word=_WORDS[one.outcome],
        ratio="" if one.ratio is None else short(one.ratio),
        time=seconds(one.wall_s),
    )


def _fill(one: ExaminedCase, name: str) -> str:
    fill = one.tensors[name]
    special = "" if fill.special == "none" else f", {fill.special} at {fill.position}"
    layout = "" if fill.layout == "contiguous" else f", {fill.layout}"
    return f"{fill.values}{special}{layout}"


def _failed(trail: Sequence[ExaminedCase]) -> str:
    numbers = [number for number, one in enumerate(trail, start=1) if one.outcome == "failed"]
    if not numbers:
        return "None of them failed."
    shown = ", ".join(map(str, numbers[:12])) + (" and more" if len(numbers) > 12 else "")
    return f"Failed, and drawn in red: {shown}."

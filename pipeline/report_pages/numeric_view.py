"""Numeric error against the bound: what is allowed is 1, and a candidate stands while nothing is beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.report_pages.axes import LogAxis, Tick, log_axis
from pipeline.report_pages.tone import Tone
from pipeline.report_pages.wording import short
from runners.evidence import Evidence, ExaminedCase, Missing

_LEFT, _WIDTH = 90, 580
_PANEL, _GAP, _TOP = 90, 26, 24
_BOUND: Final = 0.8  # of a panel's height, where 1 is
_DECADE: Final = 10


@dataclass(frozen=True, slots=True)
class RatioRow:
    """The largest error in one dtype, over what is allowed; `length` is that of a bar on which 1 is at 800."""

    where: str
    dtype: str
    ratio: str
    length: int
    tone: Tone
    word: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A case on a chart."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Panel:
    """One dtype's part of the chart: `bound` is the height of 1, `floor` that of 0."""

    dtype: str
    top: int
    floor: int
    bound: int
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Scatter:
    """Errors over sizes; beyond the chart's right end is nothing."""

    panels: tuple[Panel, ...]
    ticks: tuple[Tick, ...]
    height: int


@dataclass(frozen=True, slots=True)
class SizeRow:
    """Cases whose results have so many elements: for each dtype how many there were, and their largest error."""

    elements: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumericView:
    """By dtype, and over sizes where the cases were recorded; `lacks` says why there is nothing."""

    rows: tuple[RatioRow, ...]
    lacks: str
    dtypes: tuple[str, ...]
    sizes: tuple[SizeRow, ...]
    scatter: Scatter | None
    sizes_lack: str


def numeric_view(evidence: Evidence) -> NumericView:
    """Returns the errors."""
    rows: list[RatioRow] = []
    compared: list[ExaminedCase] = []
    if not isinstance(evidence.properties, Missing):
        rows += _rows("interpreter", evidence.properties.worst_ratio)
        compared = [one for one in evidence.properties.trail if one.ratio is not None and one.phase != "reduction"]
    if not isinstance(evidence.device, Missing):
        rows += _rows("GPU", evidence.device.worst_ratio)
    dtypes = tuple(dict.fromkeys(one.dtype for one in compared))
    return NumericView(
        rows=tuple(rows),
        lacks="" if rows else _lacks(evidence),
        dtypes=dtypes,
        sizes=tuple(_sizes(compared, dtypes)),
        scatter=_scatter(compared, dtypes) if compared else None,
        sizes_lack=""
        if compared or not rows
        else "Errors over sizes were not recorded: evidence of an earlier version.",
    )


def _rows(where: str, ratios: Mapping[str, float]) -> Iterator[RatioRow]:
    for dtype, ratio in ratios.items():
        is_right = ratio <= 1
        length = 1000 if math.isnan(ratio) else round(min(1000.0, 800 * ratio))
        word = "within" if is_right else "beyond"
        yield RatioRow(where, dtype, short(ratio), length, "good" if is_right else "bad", word)


def _lacks(evidence: Evidence) -> str:
    if isinstance(evidence.properties, Missing):
        return f"Nothing was compared: {evidence.properties.reason}."
    return "No result was compared before the candidate failed."


def _sizes(compared: Sequence[ExaminedCase], dtypes: Sequence[str]) -> Iterator[SizeRow]:
    """A row for each power of ten of elements that there is."""
    for decade in sorted({_decade(one) for one in compared}):
        own = [one for one in compared if _decade(one) == decade]
        low, high = _DECADE**decade, _DECADE ** (decade + 1) - 1
        name = "none" if decade < 0 else f"{low} to {high}"
        yield SizeRow(name, tuple(_cell([one for one in own if one.dtype == dtype]) for dtype in dtypes))


def _decade(one: ExaminedCase) -> int:
    return len(str(one.elements)) - 1 if one.elements > 0 else -1


def _cell(own: Sequence[ExaminedCase]) -> str:
    if not own:
        return "not tried"
    return f"{short(max(one.ratio or 0.0 for one in own))} in {len(own)}"


def _scatter(compared: Sequence[ExaminedCase], dtypes: Sequence[str]) -> Scatter:
    axis = log_axis((1.5 * one.elements for one in compared), _LEFT, _WIDTH)
    panels = []
    for number, dtype in enumerate(dtypes):
        top = _TOP + number * (_PANEL + _GAP)
        own = [one for one in compared if one.dtype == dtype]
        panels.append(Panel(dtype, top, top + _PANEL, _height(1.0, top), tuple(_dots(own, axis, top))))
    return Scatter(tuple(panels), axis.ticks, _TOP + len(dtypes) * (_PANEL + _GAP) + 30)


def _dots(own: Sequence[ExaminedCase], axis: LogAxis, top: int) -> Iterator[Dot]:
    places = {(axis.at(max(1, one.elements)), _height(one.ratio or 0.0, top)) for one in own}
    yield from (Dot(x, y) for x, y in sorted(places))


def _height(ratio: float, top: int) -> int:
    return top + _PANEL - round(_PANEL * min(1.0, _BOUND * ratio))

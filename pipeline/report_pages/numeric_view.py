"""Numeric error against the bound: what is allowed is 1, and a candidate stands while nothing is beyond it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.report_pages.tone import Tone
from pipeline.report_pages.wording import short
from runners.evidence import Evidence, Missing


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
class NumericView:
    """By dtype, and where it was measured; empty where nothing was."""

    rows: tuple[RatioRow, ...]
    lacks: str


def numeric_view(evidence: Evidence) -> NumericView:
    """Returns the errors."""
    rows: list[RatioRow] = []
    if not isinstance(evidence.properties, Missing):
        rows += _rows("interpreter", evidence.properties.worst_ratio)
    if not isinstance(evidence.device, Missing):
        rows += _rows("GPU", evidence.device.worst_ratio)
    return NumericView(tuple(rows), "" if rows else _lacks(evidence))


def _rows(where: str, ratios: Mapping[str, float]) -> Iterator[RatioRow]:
    for dtype, ratio in ratios.items():
        is_right = ratio <= 1
        length = min(1000, round(800 * ratio)) if ratio == ratio else 1000  # NaN has no length
        yield RatioRow(
            where, dtype, short(ratio), length, "good" if is_right else "bad", "within" if is_right else "beyond"
        )


def _lacks(evidence: Evidence) -> str:
    if isinstance(evidence.properties, Missing):
        return f"Nothing was compared: {evidence.properties.reason}."
    return "No result was compared before the candidate failed."

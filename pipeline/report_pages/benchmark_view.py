"""The benchmark: how long each shape took, beside other ways to compute it and beside what the card can do.

Each row has a line of its own, from 0 to about the slowest of the row: every timed call as a histogram, the median, and
its interval (bootstrap, 95 %). The slowest twentieth of the calls does not set the scale, or a hiccup would squeeze the
rest: what is beyond stands at the right edge, and the text says how many these are.

The roofline has operations a byte to the right and operations a second upwards, both in powers of ten; what computes
nothing has no place on it and stands in the table alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from pipeline.report_pages.axes import LogAxis, Tick, log_axis
from pipeline.report_pages.tone import Tone
from pipeline.report_pages.wording import counted, milliseconds, percent, short
from runners.device_evidence import BaselineTime, BenchmarkRow, CardEvidence
from runners.evidence import Evidence, Missing

_STRIP: Final = 1000
_BIN: Final = 8
_HIGH: Final = 18  # of the most calls in one bin
USUAL: Final = 0.95
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 620, 20, 280


@dataclass(frozen=True, slots=True)
class Bin:
    """Timed calls that lie together: where, and how high they are drawn."""

    x: int
    height: int


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One way to compute a shape: its median and interval, as text and as places on the row's line."""

    name: str
    median: str
    interval: str
    against: str
    low: int
    at: int
    high: int
    spread: str
    bins: tuple[Bin, ...]
    is_candidate: bool


@dataclass(frozen=True, slots=True)
class TimedShape:
    """One shape; `roof` is the place of the shortest time that the card can need."""

    number: int
    case: str
    dtype: str
    times: tuple[TimeRow, ...]
    roof: int
    roof_time: str
    share: str
    share_length: int
    tone: Tone
    notes: str


@dataclass(frozen=True, slots=True)
class RoofPoint:
    """A shape on the roofline."""

    number: int
    x: int
    y: int
    intensity: str
    speed: str


@dataclass(frozen=True, slots=True)
class Roof:
    """What the card can do in one dtype: up a slope by its memory, then level by its arithmetic."""

    dtype: str
    points: str
    label_x: int
    label_y: int


@dataclass(frozen=True, slots=True)
class RooflineView:
    """The chart."""

    roofs: tuple[Roof, ...]
    points: tuple[RoofPoint, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class BenchmarkView:
    """All of it; `lacks` says why there is nothing."""

    lacks: str
    card: str
    shapes: tuple[TimedShape, ...]
    roofline: RooflineView | None


def benchmark_view(evidence: Evidence) -> BenchmarkView:
    """Returns what was timed."""
    if isinstance(evidence.device, Missing):
        return BenchmarkView(f"Nothing was timed: {evidence.device.reason}.", "", (), None)
    benchmark = evidence.device.benchmark
    if not benchmark.rows:
        return BenchmarkView(f"Nothing was timed: {benchmark.problem or 'a case failed before'}.", "", (), None)
    shapes = tuple(_shape(number, row) for number, row in enumerate(benchmark.rows, start=1))
    card = "" if benchmark.card is None else _card(benchmark.card)
    return BenchmarkView("", card, shapes, _roofline(benchmark.card, benchmark.rows))


def _card(card: CardEvidence) -> str:
    speeds = ", ".join(f"{short(speed / 1e12)} T operations/s in {dtype}" for dtype, speed in card.operations_s.items())
    copied = f"The card itself, measured in the same run: {short(card.copy_bytes_s / 1e9)} GB/s copied"
    return f"{copied}{', ' if speeds else ''}{speeds}."


def _shape(number: int, row: BenchmarkRow) -> TimedShape:
    own = BaselineTime(
        name="candidate", median_ms=row.median_ms, low_ms=row.low_ms, high_ms=row.high_ms, calls_ms=row.calls_ms
    )
    ways = (own, *row.baselines)
    slowest = max([row.roof_ms, *(one.high_ms for one in ways), *(_usual(one.calls_ms) for one in ways)])
    times = (_time(own, row, slowest), *(_time(one, row, slowest) for one in row.baselines))
    return TimedShape(
        number=number,
        case=row.case,
        dtype=row.dtype,
        times=times,
        roof=_place(row.roof_ms, slowest),
        roof_time=milliseconds(row.roof_ms),
        share=percent(row.share_of_roof),
        share_length=min(1000, round(1000 * row.share_of_roof)),
        tone="bad" if row.median_ms < row.least_ms else "good",
        notes="; ".join(_notes(row)),
    )


def _time(one: BaselineTime, row: BenchmarkRow, slowest: float) -> TimeRow:
    is_candidate = one.name == "candidate"
    return TimeRow(
        name=one.name,
        median=milliseconds(one.median_ms),
        interval=f"{milliseconds(one.low_ms)} to {milliseconds(one.high_ms)}",
        against="" if is_candidate or not row.median_ms else f"{short(one.median_ms / row.median_ms)} ×",
        low=_place(one.low_ms, slowest),
        at=_place(one.median_ms, slowest),
        high=_place(one.high_ms, slowest),
        spread=_spread(one.calls_ms, slowest),
        bins=_bins(one.calls_ms, slowest),
        is_candidate=is_candidate,
    )


def _usual(calls_ms: Sequence[float]) -> float:
    """What nineteen of twenty calls do not exceed."""
    return sorted(calls_ms)[ceil(len(calls_ms) * USUAL) - 1] if calls_ms else 0.0


def _spread(calls_ms: Sequence[float], slowest: float) -> str:
    if not calls_ms:
        return ""
    beyond = sum(one > slowest for one in calls_ms)
    text = f"{milliseconds(min(calls_ms))} to {milliseconds(max(calls_ms))}"
    return f"{text}; {beyond} at the edge" if beyond else text


def _bins(calls_ms: Sequence[float], slowest: float) -> tuple[Bin, ...]:
    counts = Counter(min(_place(one, slowest), _STRIP) // _BIN * _BIN for one in calls_ms)
    most = max(counts.values(), default=1)
    return tuple(Bin(x, max(1, round(_HIGH * count / most))) for x, count in sorted(counts.items()))


def _place(value: float, whole: float) -> int:
    return round(_STRIP * 0.98 * value / whole) if whole > 0 else 0


def _notes(row: BenchmarkRow) -> Iterator[str]:
    yield f"{counted(row.calls, 'call')}, each with its output checked"
    if row.differing:
        yield f"{row.differing} of them gave other bits than the first"
    if row.median_ms < row.least_ms:
        yield f"faster than the card can be ({milliseconds(row.least_ms)})"
    if row.clocks_mhz is not None:
        yield f"{row.clocks_mhz[0]} MHz before, {row.clocks_mhz[1]} MHz after"
    if row.throttled:
        yield f"something held the clock back (0x{row.throttled:x})"


def _roofline(card: CardEvidence | None, rows: Sequence[BenchmarkRow]) -> RooflineView | None:
    numbered = [(number, row) for number, row in enumerate(rows, start=1)]
    placed = [(n, row) for n, row in numbered if row.operations > 0 and row.moved_bytes > 0 and row.median_ms > 0]
    dtypes = [] if card is None else [dtype for dtype in card.operations_s if any(r.dtype == dtype for _, r in placed)]
    if card is None or not placed or not dtypes or card.copy_bytes_s <= 0:
        return None
    peaks = {dtype: card.operations_s[dtype] for dtype in dtypes}
    ridges = [peak / card.copy_bytes_s for peak in peaks.values()]
    intensities = [row.operations / row.moved_bytes for _, row in placed]
    x = log_axis([*intensities, *(ridge * 3 for ridge in ridges)], _LEFT, _RIGHT - _LEFT)
    speeds = [_speed(row) for _, row in placed]
    y = log_axis([*speeds, *peaks.values()], _BOTTOM, _TOP - _BOTTOM)
    points = tuple(
        RoofPoint(n, x.at(row.operations / row.moved_bytes), y.at(_speed(row)),
                  short(row.operations / row.moved_bytes), f"{short(_speed(row) / 1e12)} T/s")
        for n, row in placed
    )  # fmt: skip
    roofs = tuple(_roof(dtype, peak, card.copy_bytes_s, x, y) for dtype, peak in peaks.items())
    return RooflineView(roofs, points, x.ticks, y.ticks)


def _speed(row: BenchmarkRow) -> float:
    return row.operations / (row.median_ms / 1000)


def _roof(dtype: str, peak: float, bytes_s: float, x: LogAxis, y: LogAxis) -> Roof:
    """The slope begins where it enters the chart: at the left edge, or where it comes up through the bottom."""
    start = max(10.0**x.low, 10.0**y.low / bytes_s)
    corners = [(start, start * bytes_s), (peak / bytes_s, peak), (10.0**x.high, peak)]
    points = " ".join(f"{x.at(intensity)},{y.at(speed)}" for intensity, speed in corners)
    return Roof(dtype, points, x.at(10.0**x.high), y.at(peak) - 6)

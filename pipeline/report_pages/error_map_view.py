"""The error of a failing result as a heat map.

A shape goes with each shade, so that nobody needs to tell colours apart: a cell in which all is right is a small
square, one with wrong elements fills its place, and one in which something is NaN or infinite that should not be (or
the other way about) is a diamond. All cells of a shade are one path: 4096 elements would make a page slow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.report_pages.wording import counted, short
from runners.error_map import ErrorMap
from runners.evidence import WrongElement, WrongValues

ROWS: Final = 100  # of the table of wrong cells
_UNIT: Final = 10
_LARGEST_CELL: Final = 28  # pixels
_WIDEST: Final = 480  # pixels, of the whole map
_SQUEEZE: Final = 8  # no map is drawn longer than so many times its other side

Form = Literal["small", "full", "diamond"]


@dataclass(frozen=True, slots=True)
class Shade:
    """All cells of one shade, as one path; `name` is a class of the style sheet, `sample` the path of one alone."""

    name: str
    label: str
    count: int
    path: str
    sample: str


@dataclass(frozen=True, slots=True)
class Ring:
    """Where the first wrong element is, in the units of the paths."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class WrongCell:
    """A cell with wrong elements."""

    rows: str
    columns: str
    wrong: str
    mismatched: int
    worst: str


@dataclass(frozen=True, slots=True)
class ErrorMapView:
    """A map; `width` and `height` are of its drawing, `pixels` how wide and high that is shown."""

    title: str
    caption: str
    where: str
    width: int
    height: int
    pixels: tuple[int, int]
    shades: tuple[Shade, ...]
    ring: Ring | None
    first: str
    cells: tuple[WrongCell, ...]
    more: int


@dataclass(frozen=True, slots=True)
class _Drawing:
    cell_width: int
    cell_height: int

    def path(self, row: int, column: int, form: Form) -> str:
        """Returns the path of one cell."""
        width, height = self.cell_width, self.cell_height
        x, y = column * width, row * height
        if form == "diamond":
            half, tall = width // 2, height // 2
            return f"M{x + half} {y}l{half} {tall}l-{half} {tall}l-{half}-{tall}z"
        if form == "small":
            inset = 3
            return f"M{x + inset} {y + inset}h{width - 2 * inset}v{height - 2 * inset}h-{width - 2 * inset}z"
        return f"M{x} {y}h{width}v{height}h-{width}z"


_SHADES: Final[tuple[tuple[str, str, Form], ...]] = (
    ("right-0", "right, by at most half of what is allowed", "small"),
    ("right-1", "right, near the edge", "small"),
    ("free", "nothing is demanded there", "small"),
    ("wrong-0", "wrong, up to 2 times what is allowed", "full"),
    ("wrong-1", "wrong, 2 to 100 times what is allowed", "full"),
    ("wrong-2", "wrong, 100 to 10 000 times what is allowed", "full"),
    ("wrong-3", "wrong, more than 10 000 times what is allowed", "full"),
    ("mismatch", "NaN or infinite, and should not be, or the other way about", "diamond"),
)


def error_map_view(failure: WrongValues, title: str) -> ErrorMapView | None:
    """Returns the map of a failure; None where none was recorded, or the result has no elements."""
    errors = failure.errors
    if errors is None or not errors.wrong or not errors.wrong[0]:
        return None
    height, width = len(errors.wrong), len(errors.wrong[0])
    drawing = _drawing(height, width)
    wrong = sorted(_wrong(errors), key=lambda cell: _rank(errors, *cell), reverse=True)
    return ErrorMapView(
        title=title,
        caption=_caption(errors, height, width),
        where=_where(errors),
        width=width * drawing.cell_width,
        height=height * drawing.cell_height,
        pixels=_pixels(width * drawing.cell_width, height * drawing.cell_height),
        shades=tuple(_shades(errors, drawing)),
        ring=_ring(errors, failure.first, drawing),
        first=_first(failure),
        cells=tuple(_cell(errors, row, column) for row, column in wrong[:ROWS]),
        more=max(0, len(wrong) - ROWS),
    )


def _drawing(height: int, width: int) -> _Drawing:
    """A map with few rows or columns has longer cells, or it would be a line."""
    tall = max(_UNIT, math.ceil(_UNIT * width / (_SQUEEZE * height)))
    broad = max(_UNIT, math.ceil(_UNIT * height / (_SQUEEZE * width)))
    return _Drawing(2 * math.ceil(broad / 2), 2 * math.ceil(tall / 2))


def _pixels(width: int, height: int) -> tuple[int, int]:
    scale = min(_LARGEST_CELL / _UNIT, _WIDEST / width, _WIDEST / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shades(errors: ErrorMap, drawing: _Drawing) -> Iterator[Shade]:
    found: dict[str, list[tuple[int, int]]] = {}
    for row, counts in enumerate(errors.wrong):
        for column in range(len(counts)):
            if errors.elements(row, column):
                found.setdefault(_shade(errors, row, column), []).append((row, column))
    one = _Drawing(_UNIT, _UNIT)
    for name, label, form in _SHADES:
        cells = found.get(name, [])
        if cells:
            path = "".join(drawing.path(row, column, form) for row, column in cells)
            yield Shade(name, label, len(cells), path, one.path(0, 0, form))


def _shade(errors: ErrorMap, row: int, column: int) -> str:
    worst = errors.worst[row][column]
    if errors.mismatched[row][column]:
        return "mismatch"
    if errors.wrong[row][column]:
        far = 0.0 if worst is None else worst
        return "wrong-0" if far <= 2 else "wrong-1" if far <= 100 else "wrong-2" if far <= 10_000 else "wrong-3"
    if worst is None:
        return "free"
    return "right-0" if worst <= 0.5 else "right-1"


def _wrong(errors: ErrorMap) -> Iterator[tuple[int, int]]:
    for row, counts in enumerate(errors.wrong):
        yield from ((row, column) for column, count in enumerate(counts) if count)


def _rank(errors: ErrorMap, row: int, column: int) -> tuple[int, float]:
    worst = errors.worst[row][column]
    return errors.mismatched[row][column], 0.0 if worst is None else worst


def _ring(errors: ErrorMap, first: tuple[WrongElement, ...], drawing: _Drawing) -> Ring | None:
    if not first or len(first[0].index) != len(errors.shape) or not errors.columns:
        return None
    place = 0
    for index, size in zip(first[0].index, errors.shape, strict=True):
        place = place * size + index
    row, column = place // errors.columns // errors.cell_rows, place % errors.columns // errors.cell_columns
    width, height = drawing.cell_width, drawing.cell_height
    return Ring(column * width, row * height, width, height)


def _first(failure: WrongValues) -> str:
    if not failure.first:
        return ""
    one = failure.first[0]
    index = ", ".join(map(str, one.index))
    return f"the first wrong element, [{index}]: got {one.got:.9g}, expected {one.expected:.9g}"


def _caption(errors: ErrorMap, height: int, width: int) -> str:
    shape = " × ".join(map(str, errors.shape)) or "no dims"
    is_line = max(errors.shape, default=1) == errors.total
    how = "written in lines, like text" if is_line else "its last axis to the right, all others downwards"
    cell = f"{counted(errors.cell_rows, 'row')} by {counted(errors.cell_columns, 'column')}"
    return f"The result ({shape}), {how}: {height} × {width} cells, each of {cell}."


def _where(errors: ErrorMap) -> str:
    """The rows and columns between which all wrong elements are: a block's edge is often seen in them."""
    cells = list(_wrong(errors))
    if not cells:
        return ""
    rows, columns = [row for row, _ in cells], [column for _, column in cells]
    top, bottom = _span(min(rows), max(rows), errors.cell_rows, errors.rows)
    left, right = _span(min(columns), max(columns), errors.cell_columns, errors.columns)
    of = f"of {counted(errors.rows, 'row')} and {counted(errors.columns, 'column')}"
    return f"Wrong elements lie in rows {top} to {bottom} and columns {left} to {right} {of}."


def _span(first: int, last: int, size: int, end: int) -> tuple[int, int]:
    return first * size, min((last + 1) * size, end) - 1


def _cell(errors: ErrorMap, row: int, column: int) -> WrongCell:
    worst = errors.worst[row][column]
    top, bottom = _span(row, row, errors.cell_rows, errors.rows)
    left, right = _span(column, column, errors.cell_columns, errors.columns)
    return WrongCell(
        rows=f"{top}" if top == bottom else f"{top} to {bottom}",
        columns=f"{left}" if left == right else f"{left} to {right}",
        wrong=f"{errors.wrong[row][column]} of {errors.elements(row, column)}",
        mismatched=errors.mismatched[row][column],
        worst="-" if worst is None else f"{short(worst)} ×",
    )

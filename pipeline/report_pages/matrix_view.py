"""What the cases held, counted: each layout, each class of values, each special value, against each dtype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from runners.evidence import ExaminedCase, Missing, PropertiesEvidence
from runners.examined_case import TensorFill

_SHADES: Final = (1, 4, 12, 40)  # at least so many cases for each step of the shade


@dataclass(frozen=True, slots=True)
class Cell:
    """A count of cases, and its shade from 0 to 4."""

    count: int
    shade: int


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One layout, class of values or special value."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts by dtype; a case with two tensors counts for the layout of each."""

    title: str
    first: str
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True, slots=True)
class MatrixView:
    """The tables, with their columns."""

    dtypes: tuple[str, ...]
    tables: tuple[Matrix, ...]


def matrix_view(properties: PropertiesEvidence | Missing) -> MatrixView:
    """Returns the tables; none where the cases were not recorded."""
    trail = (
        () if isinstance(properties, Missing) else tuple(one for one in properties.trail if one.phase != "reduction")
    )
    dtypes = tuple(dict.fromkeys(one.dtype for one in trail))
    kinds: tuple[tuple[str, str, Callable[[TensorFill], str]], ...] = (
        ("Layouts by dtype", "layout", lambda fill: fill.layout),
        ("Classes of values by dtype", "values", lambda fill: fill.values),
        ("Special values by dtype", "special", lambda fill: fill.special),
    )
    tables = tuple(Matrix(title, first, tuple(_rows(trail, dtypes, kind))) for title, first, kind in kinds)
    return MatrixView(dtypes, tuple(table for table in tables if table.rows))


def _rows(
    trail: Sequence[ExaminedCase], dtypes: Sequence[str], kind: Callable[[TensorFill], str]
) -> Iterator[MatrixRow]:
    counts: Counter[tuple[str, str]] = Counter()
    for one in trail:
        counts.update((name, one.dtype) for name in {kind(fill) for fill in one.tensors.values()})
    for name in dict.fromkeys(name for name, _ in counts):
        yield MatrixRow(name, tuple(_cell(counts[name, dtype]) for dtype in dtypes))


def _cell(count: int) -> Cell:
    return Cell(count, sum(count >= least for least in _SHADES))

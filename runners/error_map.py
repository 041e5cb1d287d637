"""Where in a result the errors are, and how large: a small grid of cells, each of a block of elements.

A result is looked at as a matrix: its last axis are the columns, all others together the rows. What has but one axis
longer than 1 is a vector, and is written in lines like text, so that a cell holds neighbours. A cell's height and width
are powers of two, as a kernel's own blocks are: what a block does wrong has sharp edges in the map.

Stored as rows of numbers; at most 64 by 64 cells, and no number needs more than nine characters but counts of
elements, so that a map stays below 100 KB whatever a candidate returns.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Self

from pydantic import Field, FiniteFloat, NonNegativeInt, PositiveInt, model_validator

from runners.record import Record

CELLS: Final = 64  # at most so many in each direction
LARGEST: Final = 1e300  # an error beyond so many allowances is stored as this

Counts = Annotated[tuple[Annotated[tuple[NonNegativeInt, ...], Field(max_length=CELLS)], ...], Field(max_length=CELLS)]
Ratios = Annotated[
    tuple[Annotated[tuple[Annotated[FiniteFloat, Field(ge=0)] | None, ...], Field(max_length=CELLS)], ...],
    Field(max_length=CELLS),
]


class ErrorMap(Record):
    """One result against its oracle, cell by cell; cells are in rows from the first element to the last.

    Attributes:
        shape: Of the result.
        rows: Of the matrix that it is looked at as; the last row of a vector's need not be full.
        columns: Of that matrix.
        cell_rows: How many rows of the matrix a cell is high; those at the lower edge may be cut.
        cell_columns: How many columns a cell is wide; those at the right edge may be cut.
        free: Elements of which nothing is demanded; they count as right and have no error.
        wrong: By cell, how many elements are wrong.
        mismatched: Of these, how many are NaN or infinite where a finite number is due, or the other way about.
        worst: By cell, the largest error of the other elements, right ones too, in units of what is allowed there: 1
            is the edge. An allowance is no smaller than half the spacing of the dtype. None: the cell has none.
    """

    shape: tuple[NonNegativeInt, ...]
    rows: NonNegativeInt
    columns: NonNegativeInt
    cell_rows: PositiveInt
    cell_columns: PositiveInt
    free: NonNegativeInt
    wrong: Counts
    mismatched: Counts
    worst: Ratios

    @model_validator(mode="after")
    def _is_one_grid(self) -> Self:
        height, width = -(-self.rows // self.cell_rows), -(-self.columns // self.cell_columns)
        for grid in (self.wrong, self.mismatched, self.worst):
            if len(grid) != height or any(len(row) != width for row in grid):
                raise ValueError(f"the grids of an error map of {height} by {width} cells have other forms")
        return self

    @property
    def total(self) -> int:
        """How many elements the result has."""
        return math.prod(self.shape)

    def elements(self, row: int, column: int) -> int:
        """Returns how many elements are in a cell, which may be cut, or empty where a vector's last row is not full."""
        top, left = row * self.cell_rows, column * self.cell_columns
        right = min(left + self.cell_columns, self.columns)
        lines = range(top, min(top + self.cell_rows, self.rows))
        return sum(max(0, min(right, self.total - line * self.columns) - left) for line in lines)

"""A table that stays readable on a narrow terminal: where its columns would be squeezed, a block a row.

A column that may fold wants room for its longest cell, or for `FOLDED` cells of the terminal; one that may not, for all
of it. Where that is more than the width, each row becomes a block below the title of its lead (the column that says
what the row is about): the lead on a line, then what the other columns say, each with its title. Nothing is left out in
either form, and no colour is needed to read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

FOLDED: Final = 24
GAP: Final = 2
INDENT: Final = 2
NOTHING: Final = ("", "-")


class FittedTable(Table):
    """A table of texts; the same as rich's, where there is room."""

    def __init__(self, *titles: str, lead: int = 0) -> None:
        """Columns called `titles` may fold; more can be added. The column numbered `lead` says what a row is about."""
        super().__init__(box=None, pad_edge=False, header_style="bold")
        self._lead = lead
        for title in titles:
            self.add_column(title, overflow="fold")

    def fits(self, width: int) -> bool:
        """Whether no column would be squeezed in so many cells of a terminal."""
        wanted = [_wanted(column) for column in self.columns]
        return sum(wanted) + GAP * (len(wanted) - 1) <= width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Renders the table, or the blocks."""
        if self.fits(options.max_width):
            yield from super().__rich_console__(console, options)
            return
        yield Text(_text(self.columns[self._lead].header).plain, self.header_style or "")
        for row in zip(*(column.cells for column in self.columns), strict=True):
            yield from self._block([_text(cell) for cell in row])
        if self.caption is not None:
            yield Text(str(self.caption), "italic")

    def _block(self, cells: list[Text]) -> Iterator[Text | Padding]:
        yield cells[self._lead]
        numbers = Text()
        for number, (column, cell) in enumerate(zip(self.columns, cells, strict=True)):
            if number == self._lead or cell.plain in NOTHING:
                continue
            title = _text(column.header).plain
            said = Text.assemble(f"{title}: " if title else "", cell)
            if column.justify == "right":
                numbers = Text.assemble(numbers, ", " if numbers else "", said)
            else:
                yield Padding(said, (0, 0, 0, INDENT))
        if numbers:
            yield Padding(numbers, (0, 0, 0, INDENT))


def _wanted(column: Column) -> int:
    cells = [_text(column.header), *map(_text, column.cells)]
    natural = max(cell_len(line) for cell in cells for line in cell.plain.split("\n"))
    return natural if column.no_wrap else min(natural, FOLDED)


def _text(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))

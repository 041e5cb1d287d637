"""What scheduled runs show on Prefect's pages: one page to read, and a table to sort.

Prefect renders Markdown, in the cells of its tables, too. What a candidate's author may have a hand in (paths, the
message of a finding) is shown as code, or with all that has a meaning in Markdown taken from it. A page shows `SHOWN`
rows; the table and the reports hold all of them.

Reports are files. Where a web server shows the run folders, a run is given its address (`reports_url`) and links to
them; otherwise the page says where they lie, because a browser opens no file from a page of a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from pipeline.report_pages.writing import PAGE
from pipeline.scheduled.parameters import Gate

SHOWN: Final = 50
_SPECIAL: Final = frozenset("\\`*_{}[]<>()#.!|~&$:@")
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of their columns; cells are Markdown that was made here (`code`, `plain`, `Reports`)."""

    columns: Row
    rows: tuple[Row, ...]

    @property
    def markdown(self) -> str:
        """The first rows, and how many there are."""
        lines = [_line(self.columns), _line(("---",) * len(self.columns)), *map(_line, self.rows[:SHOWN])]
        more = len(self.rows) - SHOWN
        return "\n".join(lines) + (f"\n\nand {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Reports:
    """Where the reports of a run are."""

    folder: Path
    url: str | None

    @classmethod
    def of(cls, folder: Path, gate: Gate) -> Reports:
        """Those of a run folder."""
        if gate.reports_url is None:
            return cls(folder.absolute(), None)
        return cls(folder.absolute(), f"{str(gate.reports_url).rstrip('/')}/{quote(folder.name)}")

    def whole(self) -> str:
        """Links to the report of the run."""
        if self.url is None:
            return f"Report: {code(str(self.folder / PAGE))}"
        return f"[Report of the run]({self.url}/{PAGE})"

    def of_candidate(self, name: str) -> str:
        """Links to the report of a candidate, by the name of its folder in the run."""
        return code(f"{name}/{PAGE}") if self.url is None else f"[report]({self.url}/{quote(name)}/{PAGE})"


def show_page(key: str, headline: str, parts: Sequence[str], description: str) -> None:
    """Shows a page with this run; within a flow run alone."""
    markdown = "\n\n".join([f"**{plain(headline)}**", *parts])
    create_markdown_artifact(key=key, markdown=markdown, description=description)


def show_table(key: str, table: Table, description: str) -> None:
    """Shows a table with this run; within a flow run alone."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    create_table_artifact(key=key, table=rows, description=description)


def section(title: str, table: Table) -> str:
    """A table under a title; nothing where it has no rows."""
    return f"### {title}\n\n{table.markdown}" if table.rows else ""


def code(text: str) -> str:
    """Text that is shown as it is, in Markdown and in a cell of its tables."""
    shown = "".join(c if c.isprintable() and c not in "`|" else "?" for c in text)
    return f"`{shown}`"


def plain(text: str) -> str:
    """Text without any meaning in Markdown."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    escaped = "".join(f"\\{c}" if c in _SPECIAL else c for c in kept)
    return f"\\{escaped}" if escaped.startswith(("-", "+", "=")) else escaped


def _line(cells: Row) -> str:
    return f"| {' | '.join(cells)} |"

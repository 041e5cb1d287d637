"""An edit: a piece of the source's bytes, and what stands there in the mutant.

Edits work on bytes, not on a printed syntax tree, so that a mutant differs from its source in one place only and its
diff is what a person would have typed. A replacement is made of texts and of pieces of the source; it becomes bytes
when it is applied, because a source of 256 KiB has many mutants and few of them are run.
"""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import NamedTuple

OPERATIONS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda)


class Piece(NamedTuple):
    """Bytes `start` to `stop` of the source."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Edit:
    """`piece` becomes `parts`, in a row. `name` says which kind of change it is, `at` where: unique together."""

    name: str
    at: str
    line: int
    piece: Piece
    parts: tuple[str | Piece, ...]

    @property
    def id(self) -> str:
        """Names the mutant among those of its source: place first, then the change."""
        return f"{self.at} {self.name}"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A source with one edit.

    Attributes:
        id: Place and change, as '17:22-31 < to <='; unique among the mutants of a source.
        name: The change alone.
        line: The line of the source that the edit begins on.
        source: The mutant's bytes.
        diff: Unified, the changed lines alone.
    """

    id: str
    name: str
    line: int
    source: bytes
    diff: str


class Text:
    """A source as bytes, and where its nodes lie. Line ends are those that Python reads: '\\r\\n' is '\\n'."""

    def __init__(self, text: str) -> None:
        self.bytes = text.replace("\r\n", "\n").replace("\r", "\n").encode()
        self._starts = [0]
        for line in self.bytes.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def piece(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> Piece:
        """Returns where `node` stands."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return Piece(
            self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset
        )

    def operand(self, node: ast.expr) -> tuple[str | Piece, ...]:
        """Returns `node` as it can stand anywhere in an expression: in brackets where it is an operation."""
        return ("(", self.piece(node), ")") if isinstance(node, OPERATIONS) else (self.piece(node),)

    def between(self, left: ast.expr, right: ast.expr) -> str:
        """Returns what stands between two expressions: an operator, brackets, blanks."""
        return self.bytes[self.piece(left).stop : self.piece(right).start].decode()

    def edit(
        self, name: str, node: ast.expr | ast.stmt | ast.keyword, *parts: str | Piece, at: Piece | None = None
    ) -> Edit:
        """Returns the edit that replaces `node` (or `at`, a piece of it) by `parts`."""
        end = f"{node.end_lineno}:" if node.end_lineno != node.lineno else ""
        place = f"{node.lineno}:{node.col_offset + 1}-{end}{node.end_col_offset}"
        return Edit(name, place, node.lineno, at or self.piece(node), parts)

    def apply(self, edit: Edit) -> bytes:
        """Returns the source with `edit` made."""
        pieces = [part.encode() if isinstance(part, str) else self.bytes[part.start : part.stop] for part in edit.parts]
        return self.bytes[: edit.piece.start] + b"".join(pieces) + self.bytes[edit.piece.stop :]


def difference(before: bytes, after: bytes) -> str:
    """Returns the changed lines as a unified diff without context and without names of files."""
    old, new = before.decode().split("\n"), after.decode().split("\n")
    lines = list(difflib.unified_diff(old, new, lineterm="", n=0))
    return "\n".join(lines[2:])

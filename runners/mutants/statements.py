"""Changes of statements: one lost, a condition turned round, a loop that skips its first or last turn.

An assignment is only lost where its name has a value before it (an update, a rescale, `x = x.contiguous()`): elsewhere
the mutant would be a plain NameError.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from runners.mutants.edits import Edit, Text
from runners.mutants.places import Place, called

_RANGES: Final = frozenset({"range", "static_range"})


def of_statement(text: Text, place: Place, bound: set[str]) -> Iterator[Edit]:
    """Yields the changes of one statement, or of the range of a loop; `bound` are the names that have a value."""
    match place.node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield text.edit("statement dropped", place.node, "pass")
        case ast.Assign(targets=[ast.Name(id=name)]) if name in bound:
            yield text.edit("assignment dropped", place.node, "pass")
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield text.edit("condition negated", test, "(not (", text.piece(test), "))")
        case ast.Call(args=args) if called(place.node) in _RANGES and args:
            yield from _range(text, args)


def _range(text: Text, args: list[ast.expr]) -> Iterator[Edit]:
    step = text.operand(args[2]) if len(args) == 3 else ("1",)
    stop = args[0] if len(args) == 1 else args[1]
    yield text.edit("last turn skipped", stop, *text.operand(stop), " - ", *step)
    if len(args) == 1:
        yield text.edit("first turn skipped", stop, "1, ", text.piece(stop))
    else:
        yield text.edit("first turn skipped", args[0], *text.operand(args[0]), " + ", *step)

"""The sizes around which a candidate is likely to err: its own block sizes, as its source writes them.

Read from the source without running it: integers given to launches, to `triton.Config`, as defaults of parameters and
as values of names. All of it is the author's to write, so that what is found here adds cases and never replaces any; an
author who hides a block size loses nothing but these extra cases, one who writes a hundred does not push another out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

SMALLEST: Final = 8  # below, every plan has the sizes around it
LARGEST: Final = 4096
MOST: Final = 8


def blocks_in(source: str) -> tuple[int, ...]:
    """Returns the integers of `source` that may be block sizes, smallest first; of too many, some of each size.

    `source` parses: the static contract read it before.
    """
    found = {
        node.value
        for value in _values(ast.parse(source))
        for node in ast.walk(value)
        if isinstance(node, ast.Constant) and type(node.value) is int and SMALLEST <= node.value <= LARGEST
    }
    blocks = sorted(found)
    if len(blocks) <= MOST:
        return tuple(blocks)
    return tuple(blocks[round(place * (len(blocks) - 1) / (MOST - 1))] for place in range(MOST))


def _values(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.keyword(value=value) | ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                yield value
            case ast.arguments(defaults=defaults, kw_defaults=named):
                yield from defaults
                yield from (value for value in named if value is not None)
            case ast.Call(func=ast.Attribute(attr="Config"), args=given):
                yield from given
            case ast.Call(func=ast.Subscript(), args=given):
                yield from given

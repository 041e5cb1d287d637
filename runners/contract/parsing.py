"""Text to tree, within bounds.

CPython's parser refuses deep nesting by itself and takes time linear in the text: of several thousand hostile sources,
some 290 of them near the size cap (256 KiB), the slowest took 3.1 s. A tree that is deeper than any kernel is not read
further, because everything that follows the structure recurses into it.
"""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from runners.contract.rules import SYNTAX_ERROR, TOO_COMPLEX
from runners.evidence import SourceFact

DEPTH_CAP: Final = 90
NODES_CAP: Final = 60_000  # a kernel file has some thousands
_FILTERING: Final = threading.Lock()  # catch_warnings changes the filters of the whole process


@contextmanager
def no_warnings() -> Iterator[None]:
    """Keeps warnings about the author's text, or about a name that he uses, from being ours."""
    with _FILTERING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@lru_cache(maxsize=4)  # a candidate is read again for its key and for its evidence
def parse(text: str) -> ast.Module | SourceFact:
    """Returns the tree, which nobody may change, or why there is none."""
    try:
        with no_warnings():  # an invalid escape
            return ast.parse(text)
    except SyntaxError as error:
        return SourceFact(rule=SYNTAX_ERROR, line=error.lineno, detail=error.msg)
    except (RecursionError, MemoryError, ValueError) as error:
        return SourceFact(rule=SYNTAX_ERROR, line=None, detail=f"the source can't be parsed: {type(error).__name__}")


def beyond_bounds(tree: ast.Module) -> SourceFact | None:
    """Says whether the tree is too large to be followed; linear in its size."""
    level: list[ast.AST] = [tree]
    nodes = 0
    for _ in range(DEPTH_CAP):
        nodes += len(level)
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            break
    if level:
        line = next((node.lineno for node in level if isinstance(node, ast.expr | ast.stmt)), None)
        return SourceFact(rule=TOO_COMPLEX, line=line, detail=f"the source is nested more than {DEPTH_CAP} levels deep")
    if nodes > NODES_CAP:
        return SourceFact(rule=TOO_COMPLEX, line=None, detail=f"the source has more than {NODES_CAP} syntax nodes")
    return None

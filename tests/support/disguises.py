"""What is done to a copy so that it does not look like one, mechanically: each keeps what the code does.

Names are changed as an author can: all that the file itself chooses, and none of a library's.
"""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import tokenize
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path


def renamed(text: str, name_of: Callable[[str], str] = lambda name: f"other_{name}") -> str:
    """Every name that the file chooses is another one."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    chosen = _chosen(text)
    befores = ["", *(token.string for token in tokens)]
    changed = [
        token._replace(string=name_of(token.string))
        if token.type == tokenize.NAME and token.string in chosen and before != "."
        else token
        for token, before in zip(tokens, befores, strict=False)
    ]
    return tokenize.untokenize([(token.type, token.string) for token in changed])


def _chosen(text: str) -> set[str]:
    tree = ast.parse(text)
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    fixed = set(dir(builtins)) | set(keyword.kwlist)
    return (arguments | stored | functions) - fixed


def reformatted(text: str) -> str:
    """Written anew from its tree, without a comment: other line ends, parentheses and quotes."""
    return ast.unparse(ast.parse(text)) + "\n"


def without_comments(text: str) -> str:
    """Without comments and docstrings, and with blank lines elsewhere."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).replace("\n", "\n\n") + "\n"


def reordered(text: str) -> str:
    """Its functions in the opposite order."""
    tree = ast.parse(text)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    rest = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    return ast.unparse(ast.Module([*rest, *reversed(functions)], [])) + "\n"


DISGUISES: Mapping[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "renamed": renamed,
    "reformatted": reformatted,
    "without comments": without_comments,
    "functions reordered": reordered,
    "all of these": lambda text: without_comments(reordered(renamed(text))),
}


def right_kernels(folder: Path) -> Iterator[Path]:
    """The kernels of the corpus that are labelled right, each written for itself."""
    yield from sorted(folder.glob("*/right_*.py"))

"""Sizes as small expressions: `"N"`, `"2*H"`, `"cdiv(K, group_size)"`, over the names of dims and scalars.

An expression is text because it is shown (`kernelgate operators NAME`) and compared as written; it is compiled once. It
is part of an operator, hence trusted, but kept to integer arithmetic so that a typing error is found when the operator
is made and not in its hundredth case.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from types import CodeType
from typing import Final

Size = str | int

_ALLOWED: Final = (
    ast.Expression, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Name, ast.Load, ast.Constant,
    ast.Call, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.BoolOp, ast.And, ast.Or,
)  # fmt: skip
_FUNCTIONS: Final = {"cdiv": lambda n, d: -(-n // d), "min": min, "max": max}


def names_in(size: Size) -> frozenset[str]:
    """Returns the dims and scalars that `size` names.

    Raises:
        ValueError: it is not an expression of this kind.
    """
    return frozenset() if isinstance(size, int) else _compiled(size)[1]


def evaluate(size: Size, values: Mapping[str, int | float]) -> int:
    """Returns the value of `size` where dims and scalars have `values`.

    Raises:
        KeyError: it names something that has no value.
    """
    if isinstance(size, int):
        return size
    code, names = _compiled(size)
    known = {name: values[name] for name in names} | _FUNCTIONS
    return int(eval(code, {"__builtins__": {}}, known))  # noqa: S307  # trusted, and integer arithmetic by construction


@functools.cache
def _compiled(text: str) -> tuple[CodeType, frozenset[str]]:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"'{text}' is not a size: {error.msg}") from None
    odd = next((node for node in ast.walk(tree) if not isinstance(node, _ALLOWED)), None)
    if odd is not None:
        raise ValueError(f"'{text}' is not a size: {type(odd).__name__} has no place in one")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - _FUNCTIONS.keys()
    return compile(tree, f"<size {text}>", "eval"), frozenset(names)

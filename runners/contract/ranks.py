"""How many strides and sizes a tensor has, where its function says so: `rows, columns = x.shape`.

The statement stands in the function's own body, so that every path to what comes later has run it, and raises where the
tensor has another rank. Nothing behind it may give the name another meaning.
"""

from __future__ import annotations

import ast
from typing import Final, NamedTuple

from runners.contract.names import assigned_names, imports_of

_FORM: Final = frozenset({"stride", "size"})


class _Statement(NamedTuple):
    begin: tuple[int, int]
    node: ast.stmt
    binds: frozenset[str]


class Ranks:
    """The ranks of the names of functions; what a function's statements bind is read once."""

    def __init__(self) -> None:
        """Begins with no function read."""
        self._bodies: dict[ast.AST, tuple[_Statement, ...]] = {}

    def at(self, function: ast.FunctionDef, name: str, node: ast.AST) -> int | None:
        """Returns how many dimensions `name` has at `node` of `function`; None where it does not say."""
        before = [one for one in self._body(function) if one.begin <= _begin(node)]
        for one in reversed(before[:-1]):
            match one.node:
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value) if form_of(value) == name:
                    plain = all(isinstance(target, ast.Name) and target.id != name for target in targets)
                    return len(targets) if plain and name not in before[-1].binds else None
            if name in one.binds:
                return None
        return None

    def _body(self, function: ast.FunctionDef) -> tuple[_Statement, ...]:
        if function not in self._bodies:
            self._bodies[function] = tuple(
                _Statement(_begin(one), one, frozenset(assigned_names(one) | set(imports_of(one).aliases)))
                for one in function.body
            )
        return self._bodies[function]


def form_of(node: ast.expr) -> str | None:
    """Returns the name of what `node` is all strides or sizes of: as many of them as it has dimensions."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr), args=[], keywords=[]) if attr in _FORM:
            return name
        case ast.Attribute(value=ast.Name(id=name), attr="shape"):
            return name
    return None


def _begin(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)

"""Which values of a kernel are constants of the compiler, and what functions that run at compile time may receive.

A function under `triton.constexpr_function` is Python. The compiler calls it with constants; the interpreter would call
it with whatever stands there, so a tensor of the kernel would reach Python code that nobody compiles.
"""

from __future__ import annotations

import ast
from typing import Final

from runners.contract.names import dotted_of
from runners.contract.scope import Scope

CONSTEXPR: Final = frozenset({
    "triton.language.constexpr", "triton.language.core.constexpr", "triton.constexpr_function",
})  # fmt: skip
_OF_CONSTANTS: Final = CONSTEXPR | {
    "triton.cdiv", "triton.next_power_of_2", "triton.language.cdiv", "triton.language.next_power_of_2",
}  # fmt: skip
_FACTS: Final = frozenset({"dtype", "type", "shape", "element_ty", "numel", "ndim"})  # known when it is compiled
_BUILTINS: Final = frozenset({"len", "int", "float", "min", "max", "list"})
_CHAIN_CAP: Final = 20


def is_constexpr_function(function: ast.FunctionDef, aliases: dict[str, str]) -> bool:
    """Whether the compiler runs `function` as Python."""
    return any(dotted_of(one, aliases) in CONSTEXPR for one in function.decorator_list)


class Constants:
    """The constants of one kernel: a name is one where everything that it is given is."""

    def __init__(self, kernel: ast.FunctionDef, names: set[str], scope: Scope) -> None:
        """Reads the kernel, of which `names` are the local names."""
        self._scope = scope
        given = _given(kernel)
        arguments = kernel.args
        parameters = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        constant = {
            one.arg for one in parameters if one.annotation is not None and "constexpr" in _text(one.annotation)
        }
        self._others = names - constant - {name for name in names if name in given}
        self._others |= {one.arg for one in parameters} - constant
        for _ in range(_CHAIN_CAP):
            found = {name for name, values in given.items() if not all(self.holds(value) for value in values)}
            if found <= self._others:
                return
            self._others |= found
        self._others |= names

    def holds(self, node: ast.expr) -> bool:
        """Whether `node` is known when the kernel is compiled."""
        match node:
            case ast.Name(id=name):
                return name not in self._others
            case ast.Attribute(attr=attr) if attr in _FACTS:
                return True
            case ast.Call(func=function, args=args, keywords=keywords):
                parts = [*args, *(keyword.value for keyword in keywords)]
                return self._is_of_constants(function) and all(self.holds(part) for part in parts)
        return all(self.holds(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))

    def _is_of_constants(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name) and function.id in self._scope.functions:
            return is_constexpr_function(self._scope.functions[function.id], self._scope.aliases)
        if isinstance(function, ast.Name) and function.id in _BUILTINS:
            return True
        return dotted_of(function, self._scope.aliases) in _OF_CONSTANTS


def _given(kernel: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    """Returns for every local name what it is given anywhere."""
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(kernel):
        match node:
            case ast.Assign(targets=targets, value=value):
                pairs = [(target, value) for target in targets]
            case ast.AugAssign(target=target, value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                pairs = [(target, value)]
            case ast.For(target=target, iter=ast.Call(func=ast.Attribute(attr="static_range"), args=args)):
                pairs = [(target, value) for value in args]
            case ast.For(target=target, iter=value):
                pairs = [(target, value)]
            case _:
                continue
        for target, value in pairs:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    given.setdefault(name.id, []).append(value)
    return given


def _text(annotation: ast.expr) -> str:
    return ast.unparse(annotation)

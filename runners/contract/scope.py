"""Which code of a file is which: kernels (jitted functions), host functions, the module level, the main block.

The main block (`if __name__ == "__main__":`) never runs where a kernel is imported. What it says is held to the rules
about imports, names and reflection, and to nothing else.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Final

from runners.contract.names import bound_by, dotted_of

JIT: Final = frozenset({"triton.jit", "triton.runtime.jit", "triton.runtime.jit.jit"})


@dataclass(slots=True)
class Scope:
    """A file, taken apart.

    Attributes:
        aliases: What the imports of the module level bind.
        kernels: Jitted functions of the module level by name; a later definition replaces an earlier one.
        functions: Its other functions.
        main: Main blocks.
        constants: Every value that the module level gives a name, as written.
    """

    tree: ast.Module
    aliases: dict[str, str] = field(default_factory=dict)
    kernels: dict[str, ast.FunctionDef] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    main: list[ast.If] = field(default_factory=list)
    constants: dict[str, ast.expr] = field(default_factory=dict)


def scope_of(tree: ast.Module) -> Scope:
    """Takes the file apart."""
    scope = Scope(tree)
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom():
                scope.aliases.update(bound_by(node))
            case ast.FunctionDef():
                jitted = any(decorator_name(one, scope.aliases) in JIT for one in node.decorator_list)
                (scope.kernels if jitted else scope.functions)[node.name] = node
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                scope.constants[name] = value
            case ast.If() if is_main_guard(node.test):
                scope.main.append(node)
    return scope


def decorator_name(node: ast.expr, aliases: dict[str, str]) -> str | None:
    """Returns the dotted name of a decorator, without the arguments that it is called with."""
    return dotted_of(node.func if isinstance(node, ast.Call) else node, aliases)


def is_main_guard(test: ast.expr) -> bool:
    """Whether a test is `__name__ == "__main__"`."""
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
    return False

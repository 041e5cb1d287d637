"""Which code is worth changing: the bodies of the functions that the entry reaches, and the constants that they use.

Left alone, because a change there has no effect, or none but an error on loading: docstrings and other bare texts,
annotations, decorators (their block sizes are tuned, not computed with), imports, asserts and raises (they guard what
is not supported), texts with braces, functions that nothing reaches.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

REDUCING: Final = frozenset(
    {"sum", "max", "min", "argmax", "argmin", "dot", "dot_scaled", "reduce", "xor_sum", "cumsum", "cumprod"}
    | {"associative_scan", "sort", "topk", "histogram", "flip", "gather"}
)
MEMORY: Final = frozenset({"load", "store", "make_block_ptr", "make_tensor_descriptor"})
_LEFT_ALONE: Final = (ast.Import, ast.ImportFrom, ast.Assert, ast.Raise, ast.JoinedStr)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known of the function that a place is in.

    Attributes:
        kernel: Whether it runs on the device, as kernel or as helper of one.
        reduces: Whether it calls something that mixes the lanes of a block.
        flat: Whether its blocks have one axis, so that there is no other to reduce over.
        groups: Its parameters that one could take for another: strides with strides, sizes with sizes.
        parameters: The names of all its parameters.
        pointers: Names that hold addresses.
    """

    kernel: bool
    reduces: bool
    flat: bool
    groups: tuple[tuple[str, ...], ...]
    parameters: frozenset[str]
    pointers: frozenset[str]


class Place(NamedTuple):
    """A node that may be changed, with its parent."""

    node: ast.expr | ast.stmt
    parent: ast.AST
    scope: Scope


def places(tree: ast.Module, entry: str) -> Iterator[Place]:
    """Yields every place of `tree` in the order of the source."""
    reached = _reached(tree, entry)
    outside = Scope(kernel=False, reduces=False, flat=False, groups=(), parameters=frozenset(), pointers=frozenset())
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name) if name in reached:
                yield from _in_function(statement)
            case ast.Assign(targets=[ast.Name(id=name)]) if name in reached:
                yield from _below(statement, statement.value, outside)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in reached:
                yield from _below(statement, value, outside)


def called(node: ast.AST) -> str:
    """Returns the last name of what a call calls: 'load' of `tl.load(…)`; '' for anything else."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)):
            return name
    return ""


def leftmost(node: ast.expr) -> str:
    """Returns the name that an operation begins with; '' where it begins otherwise."""
    while isinstance(node, ast.BinOp):
        node = node.left
    return node.id if isinstance(node, ast.Name) else ""


def _reached(tree: ast.Module, entry: str) -> set[str]:
    """Names of the module that the entry's code names, directly or through others."""
    names = {}
    for statement in tree.body:
        used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        match statement:
            case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                names[name] = used
            case ast.AnnAssign(target=ast.Name(id=name)):
                names[name] = used
    reached, left = set[str](), [entry]
    while left:
        name = left.pop()
        if name not in reached:
            reached.add(name)
            left += names.get(name, ())
    return reached


def _in_function(function: ast.FunctionDef) -> Iterator[Place]:
    calls = {called(node) for node in ast.walk(function) if isinstance(node, ast.Call)}
    kernel = any("jit" in ast.dump(decorator) for decorator in function.decorator_list)
    parameters = frozenset(node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg))
    pointers = _pointers(function) | {name for name in parameters if "ptr" in name}
    flat = not any(isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) for node in ast.walk(function))
    scope = Scope(kernel, bool(calls & REDUCING), kernel and flat, _groups(function, pointers), parameters, pointers)
    for statement in function.body:
        yield from _below(function, statement, scope)


def _below(parent: ast.AST, node: ast.expr | ast.stmt, scope: Scope) -> Iterator[Place]:
    left: list[tuple[ast.AST, ast.AST]] = [(parent, node)]
    while left:
        above, at = left.pop()
        if isinstance(at, _LEFT_ALONE) or _is_bare_text(at):
            continue
        if isinstance(at, ast.expr | ast.stmt):
            yield Place(at, above, scope)
        below = list(ast.iter_child_nodes(at))
        if isinstance(at, ast.AnnAssign):
            below = [at.value] if at.value is not None else []
        left.extend((at, child) for child in reversed(below))


def _is_bare_text(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def _groups(function: ast.FunctionDef, pointers: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """Strides and sizes among the parameters. Pointers and compile-time constants (annotated) are neither."""
    given = (*function.args.posonlyargs, *function.args.args)
    numbers = [a.arg for a in given if a.annotation is None and a.arg not in pointers]
    strides = tuple(name for name in numbers if "stride" in name or name.startswith("s_"))
    return strides, tuple(name for name in numbers if name not in strides)


def _pointers(function: ast.FunctionDef) -> frozenset[str]:
    """Names that stand leftmost in the address that a load, a store or an atomic is given."""
    found = set[str]()
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and node.args and (called(node) in MEMORY or "atomic" in called(node)):
            found.add(leftmost(node.args[0]))
    return frozenset(found - {""})

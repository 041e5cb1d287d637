"""Which branches are for empty inputs: there a result needs no launch.

A branch is, where its test says that a count is 0. A count is what was made from a shape or a number of elements, or
came as an argument without a default; a flag that the author set is none.
"""

from __future__ import annotations

import ast
from typing import Final

_COUNTING: Final = frozenset({"numel", "shape", "size", "nelement", "stride"})
_ROUNDS: Final = 4


def counts_of(tree: ast.Module) -> frozenset[str]:
    """Returns the names that stand for counts somewhere in the file."""
    names: set[str] = set()
    flows: list[tuple[ast.expr, ast.expr]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                flows += [(target, value) for target in targets]
            case ast.NamedExpr(target=target, value=value) | ast.comprehension(target=target, iter=value):
                flows.append((target, value))
            case ast.FunctionDef(args=args):
                ordered = (*args.posonlyargs, *args.args)
                names.update(one.arg for one in ordered[: len(ordered) - len(args.defaults)])
    for _ in range(_ROUNDS):
        known = frozenset(names)
        for target, value in flows:
            if _counts(value, known):
                names.update(one.id for one in ast.walk(target) if isinstance(one, ast.Name))
    return frozenset(names)


def _counts(node: ast.expr, names: frozenset[str]) -> bool:
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute) and one.attr in _COUNTING:
            return True
        if isinstance(one, ast.Name) and one.id in names:
            return True
    return False


def says_empty(test: ast.expr, counts: frozenset[str], *, holds: bool) -> bool:
    """Whether a test that `holds`, or does not, says that some count is 0."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return says_empty(operand, counts, holds=not holds)
        case ast.BoolOp(op=op, values=values):
            parts = [says_empty(one, counts, holds=holds) for one in values]
            return any(parts) if isinstance(op, ast.And) == holds else all(parts)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _counts(test, counts) and _compares_empty(left, op, right, holds=holds)
        case ast.Call(func=ast.Name(id="any"), args=[ast.GeneratorExp(elt=element) | ast.ListComp(elt=element)]):
            return holds and says_empty(element, counts, holds=True)
        case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp(elt=element) | ast.ListComp(elt=element)]):
            return not holds and says_empty(element, counts, holds=False)
        case ast.Call(func=ast.Name(id="all"), args=[shape]):
            return not holds and _counts(shape, counts)
    return not holds and _is_count(test, counts)


def _is_count(node: ast.expr, names: frozenset[str]) -> bool:
    """Whether a number is 0 only where some count is: a count, or a product or the least of counts."""
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.NamedExpr(value=value):
            return _is_count(value, names)
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            factors = [one for one in (left, right) if not (isinstance(one, ast.Constant) and one.value)]
            return bool(factors) and all(_is_count(one, names) for one in factors)
        case ast.Call(func=ast.Attribute(attr="numel" | "nelement" | "size" | "prod" | "cdiv")):
            return _counts(node, names)
        case ast.Call(func=ast.Name(id="int" | "bool" | "min" | "prod" | "cdiv"), args=[_, *_] as args):
            return all(_is_count(one, names) for one in args)
        case ast.Attribute(attr="shape"):
            return True  # in min() and prod(); by itself it is no condition
    return False


def _compares_empty(left: ast.expr, op: ast.cmpop, right: ast.expr, *, holds: bool) -> bool:
    if _is(left, 0) and isinstance(op, ast.In | ast.NotIn):
        return holds == isinstance(op, ast.In)
    if _is(left, 0) or _is(left, 1):
        mirrored = {ast.Lt: ast.Gt(), ast.LtE: ast.GtE(), ast.Gt: ast.Lt(), ast.GtE: ast.LtE()}
        left, op, right = right, mirrored.get(type(op), op), left
    if holds:
        return (_is(right, 0) and isinstance(op, ast.Eq | ast.LtE)) or (_is(right, 1) and isinstance(op, ast.Lt))
    return (_is(right, 0) and isinstance(op, ast.NotEq | ast.Gt)) or (_is(right, 1) and isinstance(op, ast.GtE))


def _is(node: ast.expr, value: int) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == value

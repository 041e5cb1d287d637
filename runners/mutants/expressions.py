"""Changes of expressions: operators, comparisons, constants, casts, signs, axes, names.

Not generated, being equivalent or an error by construction: exchanged operands of what commutes, other counts of warps
and stages, block sizes and ranges of lanes that are no power of two, an address without its pointer, one size for
another where both are compile-time constants, one tensor's device or dtype for another's, another neutral element where
masked lanes are discarded. A lost cast to int64 is not generated either: where the input is copied first, no case of a
size that can be tried here shows it. It is what the huge cases and the hand-written wrong kernels are for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from runners.mutants.edits import OPERATIONS, Edit, Piece, Text
from runners.mutants.places import REDUCING, Place, called, leftmost

_ARITHMETIC: Final[dict[type[ast.operator], tuple[str, tuple[str, ...]]]] = {
    ast.Add: ("+", ("-",)), ast.Sub: ("-", ("+",)), ast.Mult: ("*", ("+",)), ast.Div: ("/", ("*",)),
    ast.FloorDiv: ("//", ("%",)), ast.Mod: ("%", ("//",)), ast.BitAnd: ("&", ("|",)), ast.BitOr: ("|", ("&",)),
    ast.LShift: ("<<", (">>",)), ast.RShift: (">>", ("<<",)), ast.BitXor: ("^", ("|",)), ast.Pow: ("**", ("*",)),
}  # fmt: skip
_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, tuple[str, ...]]]] = {
    ast.Lt: ("<", ("<=", ">")), ast.LtE: ("<=", ("<", ">")), ast.Gt: (">", (">=", "<")), ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)), ast.NotEq: ("!=", ("==",)),
}  # fmt: skip
_DTYPES: Final = {
    "float32": "float16", "float64": "float32", "float16": "bfloat16", "bfloat16": "float16",
    "int32": "int16", "uint8": "int8",
}  # fmt: skip
_TUNING: Final = frozenset({"num_warps", "num_stages", "num_ctas", "maxnreg", "eviction_policy", "cache_modifier"})
_SMALLEST_BLOCK: Final = 4
_EITHER_SIDE: Final = (ast.Add, ast.Sub, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)


def of_expression(text: Text, place: Place) -> Iterator[Edit]:
    """Yields the changes of one expression."""
    match place.node:
        case ast.BinOp():
            yield from _arithmetic(text, place.node, place)
        case ast.Compare(ops=[_], comparators=[_]):
            yield from _comparison(text, place.node, place.parent)
        case ast.BoolOp(op=ast.And() | ast.Or(), values=[left, right]):
            other = "or" if isinstance(place.node.op, ast.And) else "and"
            gap = text.between(left, right).replace("and" if other == "or" else "or", other, 1)
            yield text.edit(f"to {other}", place.node, *_pair(text, place.node, left, gap, right))
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield text.edit("sign dropped", place.node, *text.operand(operand))
        case ast.Constant() if not _discarded(place):
            yield from _constant(text, place.node, place)
        case ast.Attribute(attr=attr, value=ast.Name()) if attr in _DTYPES:
            piece = text.piece(place.node)
            yield text.edit(f"{attr} to {_DTYPES[attr]}", place.node, Piece(piece.start, piece.stop - len(attr)),
                            _DTYPES[attr])  # fmt: skip
        case ast.Call(func=ast.Attribute(attr="to", value=value), args=[target]) if "int64" not in ast.dump(target):
            yield text.edit("cast dropped", place.node, *text.operand(value))
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(number))]) if not _discarded(place):
            yield from _infinity(text, place.node, number)
        case ast.Subscript(slice=ast.Tuple(elts=[first, second])):
            yield from _axes(text, place.node, first, second)
        case ast.Name(id=name, ctx=ast.Load()) if not _is_of(place.parent, "device", "dtype"):
            for group in place.scope.groups:
                if name in group and len(group) > 1:
                    other = group[(group.index(name) + 1) % len(group)]
                    yield text.edit(f"{name} to {other}", place.node, other)


def _discarded(place: Place) -> bool:
    """Whether the place is the `other` of a load whose masked lanes meet no other lane."""
    return isinstance(place.parent, ast.keyword) and place.parent.arg == "other" and not place.scope.reduces


def _is_of(parent: ast.AST, *attributes: str) -> bool:
    return isinstance(parent, ast.Attribute) and parent.attr in attributes


def _arithmetic(text: Text, node: ast.BinOp, place: Place) -> Iterator[Edit]:
    sign, others = _ARITHMETIC.get(type(node.op), ("", ()))
    gap = text.between(node.left, node.right)
    for other in others:
        changed = _pair(text, node, node.left, gap.replace(sign, other, 1), node.right)
        yield text.edit(f"{sign} to {other}", node, *_bracketed(changed, place.parent))
    if sign:
        yield text.edit(f"{sign} and its right side dropped", node, *text.operand(node.left))
        if isinstance(node.op, _EITHER_SIDE) and leftmost(node) not in place.scope.pointers:
            yield text.edit(f"{sign} and its left side dropped", node, *text.operand(node.right))


def _comparison(text: Text, node: ast.Compare, parent: ast.AST) -> Iterator[Edit]:
    right = node.comparators[0]
    sign, others = _COMPARISONS.get(type(node.ops[0]), ("", ()))
    gap = text.between(node.left, right)
    for other in others:
        changed = _pair(text, node, node.left, gap.replace(sign, other, 1), right)
        yield text.edit(f"{sign} to {other}", node, *_bracketed(changed, parent))


def _pair(text: Text, whole: ast.expr, left: ast.expr, gap: str, right: ast.expr) -> tuple[str | Piece, ...]:
    """The whole with another operator; brackets around the operands are outside of their nodes, hence the pieces."""
    piece = text.piece(whole)
    return Piece(piece.start, text.piece(left).stop), gap, Piece(text.piece(right).start, piece.stop)


def _bracketed(parts: tuple[str | Piece, ...], parent: ast.AST) -> tuple[str | Piece, ...]:
    return ("(", *parts, ")") if isinstance(parent, OPERATIONS) else parts


def _constant(text: Text, node: ast.Constant, place: Place) -> Iterator[Edit]:
    value = node.value
    if isinstance(value, bool):
        yield text.edit(f"{value} to {not value}", node, str(not value))
    elif isinstance(value, int):
        for changed in _whole_numbers(value, place):
            yield text.edit(f"{value} to {changed}", node, str(changed))
    elif isinstance(value, float):
        for other in (value + 1.0, value * 1.01, 0.0 if value == 1.0 else value):
            if other != value:
                yield text.edit(f"{value:g} to {other:.9g}", node, repr(other))


def _whole_numbers(value: int, place: Place) -> tuple[int, ...]:
    parent = place.parent
    axis = called(parent) in REDUCING or (isinstance(parent, ast.keyword) and parent.arg == "axis")
    if axis and place.scope.flat:
        return ()
    if (isinstance(parent, ast.keyword) and parent.arg in _TUNING) or called(parent) == "arange":
        return ()
    named = isinstance(parent, ast.keyword | ast.Assign | ast.AnnAssign)
    if named and value >= _SMALLEST_BLOCK and value & (value - 1) == 0:
        return ()  # a block size: right at every power of two, refused at everything else
    if called(parent) == "cdiv" and value > 1:
        return (value + 1,)  # a smaller divisor only adds programs that have nothing to do
    return (value + 1, value - 1) if value > 0 else (value + 1,)


def _infinity(text: Text, node: ast.Call, number: str) -> Iterator[Edit]:
    if number.lstrip("+-") in ("inf", "nan"):
        yield text.edit(f"{number} to 0", node, "0.0")
    if number.endswith("inf"):
        other = "inf" if number.startswith("-") else "-inf"
        yield text.edit(f"{number} to {other}", node, f'float("{other}")')


def _axes(text: Text, node: ast.Subscript, first: ast.expr, second: ast.expr) -> Iterator[Edit]:
    """`[:, None]` becomes `[None, :]` and the other way round."""
    lying = isinstance(first, ast.Constant) and first.value is None and isinstance(second, ast.Slice)
    standing = isinstance(first, ast.Slice) and isinstance(second, ast.Constant) and second.value is None
    if lying or standing:
        yield text.edit("axes swapped", node, *text.operand(node.value), "[:, None]" if lying else "[None, :]")

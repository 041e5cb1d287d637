"""Changes of calls: masks and neutral elements dropped, one function for another, arguments swapped or lost.

A dropped `other` is not generated in a function without reductions: what a masked lane holds never meets another lane
there, and the store masks it. Nor are dropped hints (eviction, cache), which change no result.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from runners.mutants.edits import Edit, Piece, Text
from runners.mutants.places import MEMORY, Place, called

_FUNCTIONS: Final = {
    "max": ("min", "sum"), "min": ("max",), "sum": ("max",), "maximum": ("minimum",), "minimum": ("maximum",),
    "argmax": ("argmin",), "argmin": ("argmax",), "exp": ("exp2",), "exp2": ("exp",), "log": ("log2",),
    "log2": ("log",), "sin": ("cos",), "cos": ("sin",), "sqrt": ("rsqrt",), "rsqrt": ("sqrt",), "floor": ("ceil",),
    "ceil": ("floor",), "atomic_add": ("store", "atomic_max"), "atomic_max": ("store", "atomic_min"),
    "atomic_min": ("store", "atomic_max"), "zeros": ("ones",), "zeros_like": ("ones_like",),
    "cumsum": ("cumprod",), "rint": ("floor",), "tanh": ("sin",), "erf": ("tanh",),
}  # fmt: skip
_ONLY_HERE: Final = {"ones": "zeros", "ones_like": "zeros_like"}  # host calls: tl has no ones
_TRANSPARENT: Final = frozenset(
    {"exp", "exp2", "log", "log2", "sqrt", "rsqrt", "abs", "erf", "sigmoid", "tanh", "floor", "ceil", "rint", "trans"}
    | {"contiguous", "fdiv", "sin", "cos"}
)
_KEYWORDS: Final = frozenset({"mask", "other", "acc", "input_precision", "allow_tf32", "keep_dims"})
_COMMUTES: Final = frozenset({"maximum", "minimum", "max", "min", "broadcast_shapes", "broadcast_tensors"})
_OWN_ORDER: Final = MEMORY | {"where", "arange", "full", "zeros", "range", "static_range", "cdiv", "reduce", "cat"}


def of_call(text: Text, place: Place) -> Iterator[Edit]:
    """Yields the changes of one call."""
    node = place.node
    if not isinstance(node, ast.Call):
        return
    yield from _function(text, node, place)
    yield from _keywords(text, node, place)
    yield from _arguments(text, node, place)


def _function(text: Text, node: ast.Call, place: Place) -> Iterator[Edit]:
    name = called(node)
    end = text.piece(node.func).stop
    on_device = place.scope.kernel and isinstance(node.func, ast.Attribute)
    for other in _FUNCTIONS.get(name, ()):
        if on_device or (name in ("zeros", "zeros_like") and not place.scope.kernel):
            if place.scope.kernel and other in _ONLY_HERE:
                continue
            yield text.edit(f"{name} to {other}", node, other, at=Piece(end - len(name), end))
    if name in ("zeros", "zeros_like") and not place.scope.kernel:
        other = name.replace("zeros", "empty")
        yield text.edit(f"{name} to {other}", node, other, at=Piece(end - len(name), end))
    if name == "cdiv" and len(node.args) == 2:
        upper, lower = node.args
        yield text.edit("cdiv to //", node, "(", *text.operand(upper), " // ", *text.operand(lower), ")")
    if name in _TRANSPARENT:
        inner = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
        if inner is not None and len(node.args) < 2:
            yield text.edit(f"{name} dropped", node, "(", text.piece(inner), ")")


def _keywords(text: Text, node: ast.Call, place: Place) -> Iterator[Edit]:
    idle = not place.scope.reduces
    given = {keyword.arg for keyword in node.keywords}
    for keyword in node.keywords:
        if keyword.arg not in _KEYWORDS or (keyword.arg == "other" and idle) or not place.scope.kernel:
            continue
        gone = {"mask", "other"} if keyword.arg == "mask" and "other" in given else {keyword.arg}
        yield text.edit(f"{keyword.arg} dropped", node, *_call(text, node, node.args,
                        [k for k in node.keywords if k.arg not in gone]))  # fmt: skip
    if called(node) == "load":
        if len(node.args) == 3 and not idle:
            yield text.edit("other dropped", node, *_call(text, node, node.args[:2], node.keywords))
        if len(node.args) > 1:
            kept = [k for k in node.keywords if k.arg != "other"]
            yield text.edit("mask dropped", node, *_call(text, node, node.args[:1], kept))
    if called(node) == "store" and len(node.args) == 3:
        yield text.edit("mask dropped", node, *_call(text, node, node.args[:2], node.keywords))


def _arguments(text: Text, node: ast.Call, place: Place) -> Iterator[Edit]:
    name, args = called(node), list(node.args)
    if name == "where" and len(args) == 3:
        swapped = [args[0], args[2], args[1]]
        yield text.edit("branches swapped", node, *_call(text, node, swapped, node.keywords))
    if name in _COMMUTES | _OWN_ORDER or "atomic" in name or any(isinstance(a, ast.Starred) for a in args):
        return
    for number, (left, right) in enumerate(pairwise(args)):
        if ast.dump(left) == ast.dump(right) or isinstance(left, ast.Constant) != isinstance(right, ast.Constant):
            continue
        swapped = [*args[:number], right, left, *args[number + 2 :]]
        label = f"arguments {number + 1} and {number + 2} swapped"
        yield text.edit(label, node, *_call(text, node, swapped, node.keywords))


def _call(text: Text, node: ast.Call, args: list[ast.expr], keywords: list[ast.keyword]) -> tuple[str | Piece, ...]:
    parts: list[str | Piece] = [text.piece(node.func), "("]
    for number, piece in enumerate([*map(text.piece, args), *map(text.piece, keywords)]):
        parts += [", " if number else "", piece]
    return (*parts, ")")

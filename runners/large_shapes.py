"""Shapes with more than 2³¹ elements in a tensor, so that an index or offset of 32 bits does not reach its end.

A size is made large where the operator calls it long (`Dim.long`): what a kernel was never asked to take long, it may
take short only. Two ways matter. Very many rows of a moderate length: the number of a row times its length overflows,
and its own number leaves what a second dimension of a grid can count. And one flat vector, where a position overflows
by itself; operators that reduce or normalise have no use for a row of two thousand million. Products have a large
factor and a large result, lookups a large table and a large result, a transposition a large side each way.

`scatter_add` and `histogram` have no such shape: each of their results depends on all of the inputs, which the judge
would have to make. Sizes are drawn, and odd: no table has them, and no tile divides them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Final, NamedTuple

from runners.cases import Case
from runners.generated_inputs import Shape
from runners.operators.model import Operator

BOUNDARY: Final = 1 << 31  # elements
BEYOND: Final = 40  # rows beyond it, of a flat vector a thousand times as many positions
LENGTHS: Final = (900, 1150)  # of a row
WIDTHS: Final = (13, 33)  # of what stands beside it, or of a row that an operator declares short
TERMS: Final = 17  # of a product whose result is large, and of a row's attention
CHANNELS: Final = 3
WIDE_ROWS: Final = 8  # are compared, where one has some 50,000 elements
FEW: Final = 1009  # entries of a small table, or ids of a few


class LargeShape(NamedTuple):
    """A shape with the way in which it is large."""

    way: str
    shape: Shape


class _Sizes(NamedTuple):
    """Odd sizes as they were drawn: a row's length, and one that is smaller."""

    boundary: int
    length: int
    width: int

    @property
    def side(self) -> int:
        """Of a square that is large."""
        return (math.isqrt(self.boundary) + self.length) | 1

    def rows(self, elements: int) -> int:
        """How many rows of so many elements leave the boundary behind."""
        return (self.boundary // elements + BEYOND) | 1


_Make = Callable[[_Sizes], Shape]


def large_shapes(operator: Operator, chance: random.Random, boundary: int = BOUNDARY) -> Iterator[LargeShape]:
    """Yields the operator's shapes with just over `boundary` elements in its largest tensor; none where it has none."""
    for way, make in _SHAPES.get(operator.name, {}).items():
        sizes = _Sizes(boundary, _odd(*LENGTHS, chance), _odd(*WIDTHS, chance))
        yield LargeShape(way, make(sizes))


def is_large(operator: Operator, case: Case) -> bool:
    """Whether a tensor of `case`, its result among them, has so many elements that no host should make it whole."""
    form = operator.form(case.form)
    arguments = (math.prod(form.shape(tensor.name, case.values)) for tensor in operator.tensors)
    results = (
        one * other for one, other in combinations(case.sizes.values(), 2)
    )  # a result names two sizes of one case
    return max((*arguments, *results)) >= BOUNDARY


def _odd(lowest: int, highest: int, chance: random.Random) -> int:
    return chance.randrange(lowest, highest) | 1


def _flat(*tensors: str, **scalars: float) -> _Make:
    rows = dict.fromkeys(tensors, 0)
    return lambda s: Shape("vector", {"N": (s.boundary + 1000 * BEYOND) | 1}, rows, scalars, compared=2048)


def _by_row(form: str, *tensors: str, **scalars: float) -> _Make:
    rows = dict.fromkeys(tensors, 0)
    return lambda s: Shape(form, {"M": s.rows(s.length), "N": s.length}, rows, scalars)


def _elementwise(*tensors: str, **scalars: float) -> dict[str, _Make]:
    return {"rows": _by_row("matrix", *tensors, **scalars), "flat": _flat(*tensors, **scalars)}


def _reduction(*tensors: str, **scalars: float) -> dict[str, _Make]:
    return {"rows": _by_row("rows", *tensors, **scalars)}


def _product(form: str, *tensors: str, axis: int = 0, **beside: int) -> dict[str, _Make]:
    """A large first factor (the tensors that have its rows are named), and a large result."""
    rows = dict.fromkeys(tensors, axis)

    def factor(s: _Sizes) -> Shape:
        return Shape(form, {**beside, "M": s.rows(s.length), "K": s.length, "N": s.width}, rows, axis=axis)

    def result(s: _Sizes) -> Shape:
        sizes = {**beside, "M": s.rows(s.side), "K": TERMS, "N": s.side}
        return Shape(form, sizes, rows, axis=axis, compared=WIDE_ROWS)

    return {"rows": factor, "result": result}


def _int4_factor(s: _Sizes) -> Shape:
    half = s.length // 2
    return Shape("matrices", {"M": s.rows(2 * half), "P": half, "N": s.width}, {"x": 0}, {"group_size": 32})


def _int4_result(s: _Sizes) -> Shape:
    sizes = {"M": s.rows(s.side), "P": TERMS, "N": s.side}
    return Shape("matrices", sizes, {"x": 0}, {"group_size": 32}, compared=WIDE_ROWS)


def _convolution(s: _Sizes) -> Shape:
    sizes = {"B": 1, "C": CHANNELS, "H": s.rows(CHANNELS * s.width), "W": s.width, "O": CHANNELS}
    return Shape("pointwise", sizes, {"x": 2}, {"stride": 1, "padding": 0}, axis=2)


def _attention(s: _Sizes) -> Shape:
    sizes = {"B": 1, "H": 1, "L": s.rows(s.width), "S": TERMS, "D": s.width}
    return Shape("heads", sizes, {"q": 2}, {"scale": 0.125, "causal": False}, axis=2)


def _rope(s: _Sizes) -> Shape:
    return Shape("matrix", {"L": s.rows(2 * s.width), "W": s.width}, {"x": 0, "cos": 0, "sin": 0})


def _lookup(s: _Sizes) -> Shape:
    return Shape("list", {"N": s.rows(s.length), "V": FEW, "D": s.length}, {"ids": 0}, picked={"table": "ids"})


def _table(s: _Sizes) -> Shape:
    """Twice as large, so that half of the ids are beyond."""
    sizes = {"N": FEW, "V": 2 * s.rows(s.length) | 1, "D": s.length}
    return Shape("list", sizes, {"ids": 0}, picked={"table": "ids"}, compared=64)


_SHAPES: Final[dict[str, dict[str, _Make]]] = {
    "relu": _elementwise("x"),
    "sigmoid": _elementwise("x"),
    "tanh": _elementwise("x"),
    "silu": _elementwise("x"),
    "gelu": _elementwise("x"),
    "gelu_tanh": _elementwise("x"),
    "leaky_relu": _elementwise("x", negative_slope=0.2),
    "elu": _elementwise("x", alpha=0.5),
    "add": _elementwise("x", "y"),
    "swiglu": _elementwise("gate", "up"),
    "softmax": _reduction("x"),
    "log_softmax": _reduction("x"),
    "logsumexp": _reduction("x"),
    "sum": _reduction("x"),
    "max": _reduction("x"),
    "argmax": _reduction("x"),
    "cumsum": _reduction("x"),
    "layer_norm": _reduction("x", eps=1e-5),
    "rms_norm": _reduction("x", eps=1e-5),
    "l2_norm": _reduction("x", eps=1e-12),
    "fused_add_rms_norm": _reduction("x", "residual", eps=1e-5),
    "matmul": _product("matrices", "a"),
    "bmm": _product("batch", "a", axis=1, B=1),
    "linear": _product("matrix", "x"),
    "conv2d": {"rows": _convolution},
    "attention": {"rows": _attention},
    "rope": {"rows": _rope},
    "cross_entropy": _reduction("logits", "target"),
    "embedding": {"result": _lookup, "table": _table},
    "transpose": {
        "rows": lambda s: Shape("matrix", {"M": s.rows(s.length), "N": s.length}, {"x": 0}, axis=1),
        "columns": lambda s: Shape("matrix", {"M": s.length, "N": s.rows(s.length)}, {"x": 1}),
    },
    "quantize_int8": _reduction("x"),
    "int8_matmul": _product("matrices", "a", "scale_a"),
    "int4_matmul": {"rows": _int4_factor, "result": _int4_result},
    "fp8_matmul": _product("both by row", "a", "scale_a"),
}

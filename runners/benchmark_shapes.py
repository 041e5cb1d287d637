"""The shapes that are timed, one an operator: large enough that the card and not the launch decides.

They are fixed, so that numbers can be compared over time. Operators that are missing here have no benchmark, as those
that a team adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from runners.generated_inputs import Shape

ROW_SIZES: Final = {"M": 8192, "N": 4096}
PRODUCT_SIZES: Final = {"M": 4096, "N": 4096, "K": 4096}


def _rows(*tensors: str, **scalars: float) -> Shape:
    return Shape("rows", ROW_SIZES, dict.fromkeys(tensors, 0), scalars)


def _matrix(*tensors: str, **scalars: float) -> Shape:
    return Shape("matrix", ROW_SIZES, dict.fromkeys(tensors, 0), scalars)


def _matmul(sizes: Mapping[str, int]) -> int:
    return 2 * sizes["M"] * sizes["N"] * sizes["K"]


def _bmm(sizes: Mapping[str, int]) -> int:
    return sizes["B"] * _matmul(sizes)


def _int4_matmul(sizes: Mapping[str, int]) -> int:
    return 2 * sizes["M"] * sizes["N"] * 2 * sizes["P"]


def _attention(sizes: Mapping[str, int]) -> int:
    return 4 * sizes["B"] * sizes["H"] * sizes["L"] * sizes["S"] * sizes["D"]


def _conv2d(sizes: Mapping[str, int]) -> int:
    height, width = (sizes[side] - sizes[f"K{side}"] + 3 for side in "HW")
    return 2 * sizes["B"] * sizes["O"] * height * width * sizes["C"] * sizes["KH"] * sizes["KW"]


SHAPES: Final[dict[str, Shape]] = {
    "relu": _matrix("x"),
    "sigmoid": _matrix("x"),
    "tanh": _matrix("x"),
    "silu": _matrix("x"),
    "gelu": _matrix("x"),
    "gelu_tanh": _matrix("x"),
    "leaky_relu": _matrix("x", negative_slope=0.01),
    "elu": _matrix("x", alpha=1.0),
    "add": _matrix("x", "y"),
    "swiglu": _matrix("gate", "up"),
    "softmax": _rows("x"),
    "log_softmax": _rows("x"),
    "logsumexp": _rows("x"),
    "sum": _rows("x"),
    "max": _rows("x"),
    "argmax": _rows("x"),
    "cumsum": _rows("x"),
    "layer_norm": _rows("x", eps=1e-5),
    "rms_norm": _rows("x", eps=1e-5),
    "l2_norm": _rows("x", eps=1e-12),
    "fused_add_rms_norm": _rows("x", "residual", eps=1e-5),
    "matmul": Shape("matrices", PRODUCT_SIZES, {"a": 0}, operations=_matmul),
    "bmm": Shape(
        "batch", {"B": 32, "M": 1024, "N": 1024, "K": 1024}, {"a": 0, "b": 0}, operations=_bmm, compared=1
    ),
    "linear": Shape("matrix", PRODUCT_SIZES, {"x": 0}, operations=_matmul),
    "conv2d": Shape(
        "images", {"B": 32, "C": 64, "H": 56, "W": 56, "O": 64, "KH": 3, "KW": 3}, {"x": 0},
        {"stride": 1, "padding": 1}, _conv2d, compared=2,
    ),
    "attention": Shape(
        "heads", {"B": 4, "H": 16, "L": 1024, "S": 1024, "D": 64}, {"q": 2},
        {"scale": 0.125, "causal": False}, _attention, axis=2, compared=16,
    ),
    "rope": Shape(
        "heads", {"B": 8, "H": 16, "L": 1024, "W": 64}, {"x": 2, "cos": 0, "sin": 0}, axis=2, compared=16
    ),
    "cross_entropy": Shape("rows", {"M": 4096, "N": 8192}, {"logits": 0, "target": 0}),
    "embedding": Shape("list", {"N": 65_536, "V": 8192, "D": 512}, {"ids": 0}, picked={"table": "ids"}),
    "scatter_add": Shape("vector", {"N": 1 << 22, "V": 1 << 16}, {}),
    "histogram": Shape("list", {"N": 1 << 22, "V": 1024}, {}),
    "transpose": Shape("matrix", ROW_SIZES, {"x": 1}),
    "quantize_int8": _rows("x"),
    "int8_matmul": Shape("matrices", PRODUCT_SIZES, {"a": 0, "scale_a": 0}, operations=_matmul, compared=2),
    "int4_matmul": Shape(
        "matrices", {"M": 4096, "N": 4096, "P": 2048}, {"x": 0}, {"group_size": 128}, _int4_matmul
    ),
    "fp8_matmul": Shape("both by row", PRODUCT_SIZES, {"a": 0, "scale_a": 0}, operations=_matmul),
}  # fmt: skip

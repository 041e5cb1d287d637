"""Quantised operators: integers of 8 and 4 bits and float8 with scales; no dimension is empty.

Condition terms: a product of int8 matrices is exact in int32, so only the scales round; float8 and 4-bit weights are
exact in float32, so a product errs as every dot product of length K does. In `int4_matmul` a right kernel may take the
zero point out of the sum, which cancels: the term is in |x|·(q + zero)·scale.
`quantize_int8` is judged to the last tie where x/scale and x times the reciprocal are both exact in float32 (rows whose
largest element is 127 times a power of two); elsewhere the quotient may lie on either side of one.
"""

from __future__ import annotations

import torch

from runners.input_classes import Special, ValueClass
from runners.operators.matrix import K, M, N, dot_factor
from runners.operators.model import (
    LONG,
    ORDINARY,
    VALUES,
    VECTOR_LAYOUTS,
    WHOLE_VALUES,
    Dim,
    Form,
    Operator,
    ScalarInput,
    TensorInput,
    Whole,
)
from runners.operators.rows import DIMS

SMALLEST_NORMAL = 2.0**-126
BYTE = Whole(-128, 127)
SWINGS: tuple[ValueClass, ...] = (*WHOLE_VALUES, "whole_swing")
PAIRS = Dim("P", (1, 2, 3, 8, 15, 16, 17, 32, 33, 64), LONG)  # K is twice this: two rows share a byte
FINITE: tuple[Special, ...] = ("none", "-0", "max", "denormal")
FP8_VALUES: tuple[ValueClass, ...] = ("unit", "normal", "positive", "integers", "ramp", "wide", "constant", "zeros")


def _scale(name: str) -> TensorInput:
    return TensorInput(name, ("positive", "unit", "constant"), ORDINARY, VECTOR_LAYOUTS, ("float32",))


def _quantize(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scale = x.abs().amax(-1) / 127
    quotient = x / torch.where(scale == 0, 1.0, scale).unsqueeze(-1)
    return quotient.clamp(-127, 127), scale


def _quantize_condition(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    quotient, scale = _quantize(x)
    single = x.float() / torch.where(scale == 0, 1.0, scale).float().unsqueeze(-1)
    exact = (single.double() == quotient) & (torch.frexp(scale).mantissa == 0.5).unsqueeze(-1)
    near = torch.where(exact, 0.0, 4 * quotient.abs())
    lost = (scale < SMALLEST_NORMAL).unsqueeze(-1) & (scale > 0).unsqueeze(-1)  # its reciprocal overflows
    return torch.where(lost, torch.inf, near), torch.where(scale == 0, torch.inf, 2 * scale)


def _scaled(a: torch.Tensor, b: torch.Tensor, scale_a: torch.Tensor, scale_b: torch.Tensor) -> torch.Tensor:
    exact = a.dtype == torch.int8  # in float32, too: partial sums beyond 2²⁴ are not for a right kernel to lose
    product = (a.double() @ b.double()).to(scale_a.dtype) if exact else a @ b  # CUDA multiplies no integers
    return product * scale_a[:, None] * scale_b


def _int8_condition(a: torch.Tensor, b: torch.Tensor, scale_a: torch.Tensor, scale_b: torch.Tensor) -> torch.Tensor:
    return 4 * _scaled(a, b, scale_a, scale_b).abs()


def _fp8_condition(a: torch.Tensor, b: torch.Tensor, scale_a: torch.Tensor, scale_b: torch.Tensor) -> torch.Tensor:
    return (dot_factor(a.shape[-1]) + 4) * _scaled(a.abs(), b.abs(), scale_a.abs(), scale_b.abs())


def _nibbles(packed: torch.Tensor) -> torch.Tensor:
    """The 4-bit rows of packed (K/2, N): the low nibble is the even row."""
    return torch.stack((packed & 15, packed >> 4), 1).reshape(-1, packed.shape[-1])


def _int4(
    x: torch.Tensor, packed: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, group_size: int
) -> torch.Tensor:
    group = torch.arange(x.shape[-1]) // group_size
    return x @ ((_nibbles(packed).to(x.dtype) - zeros.to(x.dtype)[group]) * scales[group])


def _int4_products(
    x: torch.Tensor, packed: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, group_size: int
) -> torch.Tensor:
    return _int4(x.abs(), packed, scales.abs(), -zeros.to(torch.int32), group_size)


def _int4_condition(
    x: torch.Tensor, packed: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, group_size: int
) -> torch.Tensor:
    return (dot_factor(x.shape[-1]) + 4) * _int4_products(x, packed, scales, zeros, group_size)


QUANTIZE_INT8 = Operator(
    name="quantize_int8",
    summary="x (…, N) by row, symmetric → (q int8, scale float32); scale = max|x| / 127, q = x / scale",
    inputs=(TensorInput("x", values=(*VALUES, "halves", "halves"), specials=FINITE),),
    dims=(Dim("B", (1, 2, 3)), *DIMS),
    forms=(Form("rows", {"x": ("M", "N")}), Form("batch", {"x": ("B", "M", "N")}), Form("vector", {"x": ("N",)})),
    reference=_quantize,
    condition=_quantize_condition,
    meaning=(
        "q is rounded half to even and lies within ±127",
        "a row of zeros gives q 0 and any finite scale",
        "where the scale is below the smallest normal number, its reciprocal overflows: any q will do there",
        "NaN and ±Inf are not tried: an integer has none",
    ),
    reduction="N",
    results=("int8", "float32"),
)

INT8_MATMUL = Operator(
    name="int8_matmul",
    summary="a (M, K) int8 times b (K, N) int8, times scale_a (M) and scale_b (N) → float32",
    inputs=(
        TensorInput("a", SWINGS, ORDINARY, dtypes=("case",), whole=BYTE),
        TensorInput("b", WHOLE_VALUES, ORDINARY, dtypes=("case",), whole=BYTE),
        _scale("scale_a"),
        _scale("scale_b"),
    ),
    dims=(M, K, N),
    forms=(Form("matrices", {"a": ("M", "K"), "b": ("K", "N"), "scale_a": ("M",), "scale_b": ("N",)}),),
    reference=_scaled,
    condition=_int8_condition,
    meaning=("the products are added exactly, in int32",),
    reduction="K",
    dtypes=("int8",),
    results=("float32",),
)

INT4_MATMUL = Operator(
    name="int4_matmul",
    summary="x (M, K) times weights of 4 bits: (q − zero) · scale by group of group_size rows; packed uint8 (K/2, N)",
    inputs=(
        TensorInput("x"),
        TensorInput("packed", WHOLE_VALUES, ORDINARY, dtypes=("uint8",), whole=Whole(0, 255)),
        TensorInput("scales", ("positive", "unit", "constant"), ORDINARY, dtypes=("case", "float32")),
        TensorInput("zeros", WHOLE_VALUES, ORDINARY, dtypes=("uint8", "int32"), whole=Whole(0, 15)),
        ScalarInput("group_size", (16, 32, 64, 128)),
    ),
    dims=(M, PAIRS, N),
    forms=(
        Form("matrices", {"x": ("M", "2*P"), "packed": ("P", "N"), "scales": ("cdiv(2*P, group_size)", "N"),
                          "zeros": ("cdiv(2*P, group_size)", "N")}),
    ),
    reference=_int4,
    condition=_int4_condition,
    products=_int4_products,
    meaning=(
        "the low nibble is the even row, the high nibble the odd one",
        "the weight is float32, not rounded before the product; the last group may be short",
        "NaN and ±Inf of x propagate",
    ),
    reduction="2*P",
    may_flush=True,
)  # fmt: skip

FP8_MATMUL = Operator(
    name="fp8_matmul",
    summary="a (M, K) e4m3 times b (K, N) e4m3, times scale_a (M) or (1) and scale_b (N) or (1) → float32",
    inputs=(
        TensorInput("a", FP8_VALUES, ("none", "nan", "-0", "max", "denormal")),
        TensorInput("b", FP8_VALUES, ("none", "nan", "-0", "max", "denormal")),
        _scale("scale_a"),
        _scale("scale_b"),
    ),
    dims=(M, K, N),
    forms=(
        Form("both by row", {"a": ("M", "K"), "b": ("K", "N"), "scale_a": ("M",), "scale_b": ("N",)}),
        Form("one of each", {"a": ("M", "K"), "b": ("K", "N"), "scale_a": (1,), "scale_b": (1,)}),
        Form("a by row", {"a": ("M", "K"), "b": ("K", "N"), "scale_a": ("M",), "scale_b": (1,)}),
        Form("b by column", {"a": ("M", "K"), "b": ("K", "N"), "scale_a": (1,), "scale_b": ("N",)}),
    ),
    reference=_scaled,
    condition=_fp8_condition,
    meaning=("NaN propagates; e4m3 has no infinities", "e4m3 begins with sm_89: Triton refuses it below"),
    reduction="K",
    dtypes=("float8_e4m3fn",),
    results=("float32",),
    not_on=("sm_80", "sm_86"),
    may_flush=True,
)

QUANTISED = (QUANTIZE_INT8, INT8_MATMUL, INT4_MATMUL, FP8_MATMUL)

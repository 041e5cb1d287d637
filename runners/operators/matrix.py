"""Products of matrices. float32 means IEEE arithmetic: tf32 only where a policy allows it; no dimension is empty.

Condition term: (4√K + 8)·(|A||B|), the probabilistic bound of a dot product of length K (Higham & Mary 2019), with room
for the matrix units' truncating adds. `conv2d` is such a product, K being C·KH·KW; its weight carries no NaN or Inf,
because whether a tap outside the image multiplies it by zero or is left out is nobody's promise.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention

from runners.operators.model import LONG, ORDINARY, VECTOR_LAYOUTS, Dim, Form, Operator, ScalarInput, TensorInput

SIDE = (1, 2, 3, 7, 15, 16, 17, 31, 33, 40)
M, N = (Dim(name, (*SIDE, 65, 129), LONG) for name in "MN")
K = Dim("K", (*SIDE, 63, 64, 65, 129), LONG)
BIAS = TensorInput("bias", ("normal", "unit", "integers", "zeros"), ("none", "nan"), VECTOR_LAYOUTS)
PROPAGATES = "NaN and ±Inf propagate as in the sum of products: 0 · Inf is NaN"


def dot_factor(k: int) -> float:
    """Returns 4√K + K/16 + 8, the error of a float32 dot product of K terms in units of 2⁻²² relative to Σ|terms|."""
    return 4 * math.sqrt(k) + k / 16 + 8


def _absolute(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a.abs() @ b.abs()


def _matmul_condition(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return dot_factor(a.shape[-1]) * _absolute(a, b)


def _linear_products(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return x.abs() @ weight.abs().T


def _linear_condition(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return dot_factor(x.shape[-1]) * _linear_products(x, weight, bias) + 2 * bias.abs()


def _conv2d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
    return F.conv2d(x, weight, bias, stride=stride, padding=padding)


def _conv2d_products(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    return F.conv2d(x.abs(), weight.abs(), stride=stride, padding=padding)


def _conv2d_condition(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    products = _conv2d_products(x, weight, bias, stride, padding)
    return dot_factor(weight[0].numel()) * products + 2 * bias.abs()[:, None, None]


MATMUL = Operator(
    name="matmul",
    summary="a (M, K) times b (K, N)",
    inputs=(TensorInput("a"), TensorInput("b")),
    dims=(M, K, N),
    forms=(Form("matrices", {"a": ("M", "K"), "b": ("K", "N")}),),
    reference=torch.matmul,
    condition=_matmul_condition,
    products=_absolute,
    meaning=(PROPAGATES,),
    reduction="K",
    may_flush=True,
)

BMM = Operator(
    name="bmm",
    summary="a (B, M, K) times b (B, K, N), matrix by matrix",
    inputs=(TensorInput("a"), TensorInput("b")),
    dims=(Dim("B", (1, 2, 3)), M, K, N),
    forms=(Form("batch", {"a": ("B", "M", "K"), "b": ("B", "K", "N")}),),
    reference=torch.bmm,
    condition=_matmul_condition,
    products=_absolute,
    meaning=(PROPAGATES,),
    reduction="K",
    may_flush=True,
)

LINEAR = Operator(
    name="linear",
    summary="x (…, K) times the transpose of weight (N, K), plus bias (N)",
    inputs=(TensorInput("x"), TensorInput("weight"), BIAS),
    dims=(Dim("B", (1, 2, 3)), M, K, N),
    forms=(
        Form("matrix", {"x": ("M", "K"), "weight": ("N", "K"), "bias": ("N",)}),
        Form("vector", {"x": ("K",), "weight": ("N", "K"), "bias": ("N",)}),
        Form("batch", {"x": ("B", "M", "K"), "weight": ("N", "K"), "bias": ("N",)}),
    ),
    reference=F.linear,
    condition=_linear_condition,
    products=_linear_products,
    meaning=(PROPAGATES,),
    reduction="K",
    may_flush=True,
)

CONV2D = Operator(
    name="conv2d",
    summary="2-D convolution of x (N, C, H, W) with weight (O, C, KH, KW), plus bias (O); zero padding",
    inputs=(
        TensorInput("x"),
        TensorInput("weight", specials=ORDINARY),
        BIAS,
        ScalarInput("stride", (1, 2, 3)),
        ScalarInput("padding", (0, 1, 2)),
    ),
    dims=(
        Dim("B", (1, 2)), Dim("C", (1, 2, 3, 5, 17), LONG), Dim("H", (1, 3, 5, 8, 13, 17), LONG),
        Dim("W", (1, 3, 5, 9, 12, 19), LONG),
        Dim("O", (1, 2, 3, 7, 17), LONG), Dim("KH", (1, 2, 3, 5)), Dim("KW", (1, 2, 3, 5)),
    ),
    forms=(
        Form("images", {"x": ("B", "C", "H", "W"), "weight": ("O", "C", "KH", "KW"), "bias": ("O",)}),
        Form("pointwise", {"x": ("B", "C", "H", "W"), "weight": ("O", "C", 1, 1), "bias": ("O",)}),
    ),
    reference=_conv2d,
    condition=_conv2d_condition,
    products=_conv2d_products,
    meaning=("NaN and ±Inf of x reach the results whose window holds them",),
    requires="H + 2*padding >= KH and W + 2*padding >= KW",
    reduction="C*KH*KW",
    may_flush=True,
)  # fmt: skip

PRODUCTS = (MATMUL, BMM, LINEAR, CONV2D)

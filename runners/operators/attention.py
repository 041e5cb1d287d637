"""Attention and rotary embedding.

Condition terms. `attention`: the scores carry the error of a dot product of length D; exp turns it into a relative
error of each weight, the normalisation adds the weighted mean of those errors, and the second product adds its own. The
weights of a right kernel are float32: they are not rounded to the dtype of v before the product (as the general rule
says: rounded once). Where the scores are so large that their own error is no longer small, any finite result is right.
"""

from __future__ import annotations

import torch

from runners.input_classes import ValueClass
from runners.operators.matrix import dot_factor
from runners.operators.model import LONG, ORDINARY, Dim, Form, Operator, ScalarInput, TensorInput
from runners.operators.rows import growth

TAME: tuple[ValueClass, ...] = ("unit", "normal", "positive", "integers", "ramp", "constant", "shifted", "zeros")
FIRST_ORDER = 0.1  # relative error of a weight up to which its first-order term bounds it


def _weights(q: torch.Tensor, k: torch.Tensor, scale: float, causal: bool) -> torch.Tensor:
    scores = (q @ k.transpose(-1, -2)) * scale
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    return torch.softmax(scores, -1)


def _attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool) -> torch.Tensor:
    return _weights(q, k, scale, causal) @ v


def _attention_condition(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool) -> torch.Tensor:
    weights = _weights(q, k, scale, causal)
    products = (q.abs() @ k.abs().transpose(-1, -2)) * abs(scale)
    error = (dot_factor(q.shape[-1]) / 2 + 4) * products
    relative = error + (weights * error).sum(-1, keepdim=True) + growth(k.shape[-2]) + 16
    relative = torch.where(relative * 2.0**-22 > FIRST_ORDER, torch.inf, relative)
    return (weights * (relative + dot_factor(k.shape[-2]))).nan_to_num(nan=0.0) @ v.abs()


def _attention_products(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool) -> torch.Tensor:
    weights = _weights(q, k, scale, causal)
    error = (q.abs() @ k.abs().transpose(-1, -2)) * abs(scale)
    return (weights * (1 + error + (weights * error).sum(-1, keepdim=True))) @ v.abs()


def _rope(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    cos, sin = (table if table.shape[-1] == 2 * half else torch.cat((table, table), -1) for table in (cos, sin))
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def _rope_condition(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    swapped = torch.cat((x[..., half:], x[..., :half]), -1)
    cos, sin = (table if table.shape[-1] == 2 * half else torch.cat((table, table), -1) for table in (cos, sin))
    return 4 * ((x * cos).abs() + (swapped * sin).abs())


HEADS = {"q": ("B", "H", "L", "D"), "k": ("B", "H", "S", "D"), "v": ("B", "H", "S", "D")}

ATTENTION = Operator(
    name="attention",
    summary="softmax(q kᵀ · scale) v on (batch, heads, length, width), causal or not",
    inputs=(
        TensorInput("q", values=(*TAME, "strong"), specials=("none", "nan", "-0", "denormal")),
        TensorInput("k", values=(*TAME, "strong"), specials=("none", "-0", "denormal")),
        TensorInput("v", values=(*TAME, "wide", "large", "denormal"), specials=("none", "-0", "denormal")),
        ScalarInput("scale", (0.125, 0.3, 1.0)),
        ScalarInput("causal", (False, True)),
    ),
    dims=(
        Dim("B", (1, 2)), Dim("H", (1, 2, 3)), Dim("L", (1, 2, 3, 7, 16, 17, 33, 65), LONG),
        Dim("S", (1, 2, 3, 7, 16, 17, 33, 65, 129), LONG), Dim("D", (16, 1, 2, 3, 8, 17, 32, 64)),
    ),
    forms=(Form("heads", HEADS),),
    reference=_attention,
    condition=_attention_condition,
    products=_attention_products,
    meaning=(
        "causal is aligned top left: row i sees columns 0 … i, also where the lengths differ",
        "a row of q with NaN gives a row of NaN; NaN and ±Inf in k and v are not tried: 0 · Inf of a masked column is "
        "nobody's promise",
        "the weights are float32, not rounded before the second product",
    ),
    reduction="S",
    may_flush=True,
)  # fmt: skip

TABLE_VALUES: tuple[ValueClass, ...] = ("unit", "normal")
ROPE = Operator(
    name="rope",
    summary="x · cos + rotate_half(x) · sin; x (…, L, D), cos and sin (L, D) or (L, D/2)",
    inputs=(
        TensorInput("x"),
        TensorInput("cos", values=TABLE_VALUES, specials=ORDINARY),
        TensorInput("sin", values=TABLE_VALUES, specials=ORDINARY),
    ),
    dims=(
        Dim("B", (1, 2)), Dim("H", (1, 2, 3)), Dim("L", (1, 2, 3, 7, 16, 17, 33), LONG),
        Dim("W", (1, 2, 3, 4, 8, 15, 16, 17, 32, 33, 64)),
    ),
    forms=(
        Form("heads", {"x": ("B", "H", "L", "2*W"), "cos": ("L", "W"), "sin": ("L", "W")}),
        Form("whole tables", {"x": ("B", "H", "L", "2*W"), "cos": ("L", "2*W"), "sin": ("L", "2*W")}),
        Form("matrix", {"x": ("L", "2*W"), "cos": ("L", "W"), "sin": ("L", "W")}),
        Form("matrix, whole tables", {"x": ("L", "2*W"), "cos": ("L", "2*W"), "sin": ("L", "2*W")}),
        Form("batch", {"x": ("B", "L", "2*W"), "cos": ("L", "2*W"), "sin": ("L", "2*W")}),
    ),
    reference=_rope,
    condition=_rope_condition,
    meaning=(
        "NaN and ±Inf of x reach both elements of their pair",
        "the second half of a table of D columns belongs to the second half of x, and may differ from the first",
    ),
)  # fmt: skip

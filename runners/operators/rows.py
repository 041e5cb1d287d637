"""Operators that work on rows: x is (M, N), the last axis is reduced or normalised, no dimension is empty.

Condition terms, n the row length: a float32 sum of n terms in any order errs by about √n·2⁻²⁴·Σ|terms| (Higham &
Mary 2019, probabilistic bound), hence the terms in √n. `softmax`: exp turns the absolute error of its argument into a
relative one. `layer_norm`: the error of the mean enters every centred element and, squared, the variance.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention

from runners.operators.model import SPECIALS, VALUES, Dim, Form, Operator, ScalarInput, Special, TensorInput, ValueClass

ROWS = Dim("M", (1, 2, 3, 7, 17))
LENGTH = Dim("N", (1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 257, 1025))
# The square of the largest float32 overflows in a right kernel too: 'big' is the largest whose square does not.
NORM_SPECIALS: tuple[Special, ...] = (*(s for s in SPECIALS if s != "max"), "big")
# A variance by cancellation shows on values far from zero only: they come three times as often as other classes.
CENTRED: tuple[ValueClass, ...] = (*VALUES, "shifted", "shifted")
WEIGHT = TensorInput("weight", values=("normal", "unit", "integers", "positive"), specials=("none", "nan"),
                     layouts=("contiguous", "stepped", "offset"))  # fmt: skip
BIAS = TensorInput("bias", values=("normal", "unit", "integers", "zeros"), specials=("none", "nan"),
                   layouts=("contiguous", "stepped", "offset"))  # fmt: skip
UNDERFLOW = 2.0**-126  # a denormal x·weight or running mean loses half a unit before it is multiplied by 1/√…
EPS = ScalarInput("eps", (1e-5, 1e-6, 1e-3))


def _softmax(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x, -1)


def _softmax_condition(x: torch.Tensor) -> torch.Tensor:
    distance = (x - x.amax(-1, keepdim=True)).abs().nan_to_num(nan=0.0, posinf=0.0)
    return _softmax(x) * (2 * distance + 2 * math.sqrt(x.shape[-1]) + 16)


def _sum(x: torch.Tensor) -> torch.Tensor:
    return x.sum(-1)


def _sum_condition(x: torch.Tensor) -> torch.Tensor:
    return (2 * math.sqrt(x.shape[-1]) + 8) * x.abs().sum(-1)


def _layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    return F.layer_norm(x, (x.shape[-1],), weight, bias, eps)


def _layer_norm_condition(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    root = math.sqrt(x.shape[-1])
    centred = x - x.mean(-1, keepdim=True)
    rstd = torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps)
    mean_error = (2 * root + 4) * x.abs().mean(-1, keepdim=True)
    variance_error = (2 * root + 8) + mean_error.square() * 2.0**-24 * rstd.square()
    scaled = weight.abs() * rstd * (mean_error + centred.abs() * (0.5 * variance_error + 5))
    underflow = (weight.abs() + 1) * rstd * 2 * root * UNDERFLOW
    return scaled + 2 * bias.abs() + 2 * (centred * rstd * weight).abs() + underflow


def _rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def _rms_norm_condition(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    rstd = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return _rms_norm(x, weight, eps).abs() * (2 * math.sqrt(x.shape[-1]) + 10) + rstd * UNDERFLOW


def _cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, target, reduction="none", ignore_index=-100)


def _cross_entropy_condition(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    lse = torch.logsumexp(logits, -1)
    picked = logits.gather(-1, target.clamp(min=0)[:, None])[:, 0]
    distance = (logits - logits.amax(-1, keepdim=True)).abs().nan_to_num(nan=0.0, posinf=0.0)
    weighted = (torch.softmax(logits, -1) * distance).sum(-1)
    return 2 * lse.abs() + 2 * picked.abs() + 2 * weighted + 2 * math.sqrt(logits.shape[-1]) + 16


SOFTMAX = Operator(
    name="softmax",
    summary="softmax over the last axis of x (M, N); a row of −Inf is NaN",
    inputs=(TensorInput("x"),),
    dims=(ROWS, LENGTH),
    forms=(Form("rows", {"x": ("M", "N")}),),
    reference=_softmax,
    condition=_softmax_condition,
)

SUM = Operator(
    name="sum",
    summary="sum over the last axis of x (M, N), accumulated in float32",
    inputs=(TensorInput("x"),),
    dims=(ROWS, LENGTH),
    forms=(Form("rows", {"x": ("M", "N")}),),
    reference=_sum,
    condition=_sum_condition,
)

LAYER_NORM = Operator(
    name="layer_norm",
    summary="(x − mean) / √(biased variance + eps) · weight + bias over the last axis of x (M, N)",
    inputs=(TensorInput("x", values=CENTRED, specials=NORM_SPECIALS), WEIGHT, BIAS, EPS),
    dims=(ROWS, LENGTH),
    forms=(Form("rows", {"x": ("M", "N"), "weight": ("N",), "bias": ("N",)}),),
    reference=_layer_norm,
    condition=_layer_norm_condition,
)

RMS_NORM = Operator(
    name="rms_norm",
    summary="x / √(mean x² + eps) · weight over the last axis of x (M, N)",
    inputs=(TensorInput("x", specials=NORM_SPECIALS), WEIGHT, EPS),
    dims=(ROWS, LENGTH),
    forms=(Form("rows", {"x": ("M", "N"), "weight": ("N",)}),),
    reference=_rms_norm,
    condition=_rms_norm_condition,
)

CROSS_ENTROPY = Operator(
    name="cross_entropy",
    summary="one loss a row of logits (R, C); target int64 (R); 0 where the target is −100",
    inputs=(
        TensorInput("logits"),
        TensorInput(
            "target", values=("labels", "labels_some_ignored", "label_first", "label_last"), specials=("none",),
            layouts=("contiguous", "stepped", "offset"), dtype="int64", labels_below="N",
        ),
    ),
    dims=(ROWS, LENGTH),
    forms=(Form("rows", {"logits": ("M", "N"), "target": ("M",)}),),
    reference=_cross_entropy,
    condition=_cross_entropy_condition,
)  # fmt: skip

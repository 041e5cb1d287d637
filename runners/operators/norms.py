"""Normalisations over the last axis of x (M, N); no dimension is empty.

Condition terms: a float32 sum of n terms errs by about √n·2⁻²⁴·Σ|terms| (Higham & Mary 2019). `layer_norm`: the error
of the mean enters every centred element and, squared, the variance. A denormal x·weight loses half a unit before it is
multiplied by 1/√…, hence the absolute terms in 2⁻¹²⁶.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention

from runners.input_classes import Special, ValueClass
from runners.operators.model import SPECIALS, VALUES, VECTOR_LAYOUTS, Form, Operator, ScalarInput, Store, TensorInput
from runners.operators.rows import BY_ROW, DIMS, growth

# The square of the largest float32 overflows in a right kernel too: 'big' leaves room for its square.
NORM_SPECIALS: tuple[Special, ...] = (*(s for s in SPECIALS if s != "max"), "big")
# A variance by cancellation shows on values far from zero only: they come three times as often as other classes.
CENTRED: tuple[ValueClass, ...] = (*VALUES, "shifted", "shifted")
WEIGHT = TensorInput("weight", ("normal", "unit", "integers", "positive"), ("none", "nan"), VECTOR_LAYOUTS)
BIAS = TensorInput("bias", ("normal", "unit", "integers", "zeros"), ("none", "nan"), VECTOR_LAYOUTS)
UNDERFLOW = 2.0**-126
EPS = ScalarInput("eps", (1e-5, 1e-6, 1e-3, 1e-8))
INSIDE = "the variance is biased, eps stands inside the root; a row with NaN or ±Inf is what the formula makes of it"


def _layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    return F.layer_norm(x, (x.shape[-1],), weight, bias, eps)


def _layer_norm_condition(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    rstd = torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps)
    mean_error = (growth(x.shape[-1]) + 4) * x.abs().mean(-1, keepdim=True)
    variance_error = (growth(x.shape[-1]) + 8) + mean_error.square() * 2.0**-24 * rstd.square()
    scaled = weight.abs() * rstd * (mean_error + centred.abs() * (0.5 * variance_error + 5))
    underflow = (weight.abs() + 1) * rstd * growth(x.shape[-1]) * UNDERFLOW
    return scaled + 2 * bias.abs() + 2 * (centred * rstd * weight).abs() + underflow


def _rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def _rms_norm_condition(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    rstd = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return _rms_norm(x, weight, eps).abs() * (growth(x.shape[-1]) + 10) + rstd * UNDERFLOW


def _l2_norm(x: torch.Tensor, eps: float) -> torch.Tensor:
    return x / x.square().sum(-1, keepdim=True).sqrt().clamp(min=eps)


def _fused(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float, *, store: Store
) -> tuple[torch.Tensor, ...]:
    new_residual = store(x + residual)
    return _rms_norm(new_residual, weight, eps), new_residual


def _fused_condition(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, ...]:
    return _rms_norm_condition(x + residual, weight, eps), torch.zeros((), dtype=torch.float64)


LAYER_NORM = Operator(
    name="layer_norm",
    summary="(x − mean) / √(biased variance + eps) · weight + bias over the last axis of x (M, N)",
    inputs=(TensorInput("x", values=CENTRED, specials=NORM_SPECIALS), WEIGHT, BIAS, EPS),
    dims=DIMS,
    forms=(Form("rows", {"x": ("M", "N"), "weight": ("N",), "bias": ("N",)}),),
    reference=_layer_norm,
    condition=_layer_norm_condition,
    meaning=(INSIDE,),
    reduction="N",
)

RMS_NORM = Operator(
    name="rms_norm",
    summary="x / √(mean x² + eps) · weight over the last axis of x (M, N)",
    inputs=(TensorInput("x", specials=NORM_SPECIALS), WEIGHT, EPS),
    dims=DIMS,
    forms=(Form("rows", {"x": ("M", "N"), "weight": ("N",)}),),
    reference=_rms_norm,
    condition=_rms_norm_condition,
    meaning=(INSIDE, "nothing is rounded between the root and the weight"),
    reduction="N",
)

L2_NORM = Operator(
    name="l2_norm",
    summary="x / max(‖x‖, eps) over the last axis of x (M, N)",
    inputs=(TensorInput("x", specials=NORM_SPECIALS), ScalarInput("eps", (1e-12, 1e-6))),
    dims=DIMS,
    forms=BY_ROW,
    reference=_l2_norm,
    condition=lambda x, eps: _l2_norm(x, eps).abs() * (growth(x.shape[-1]) + 10),
    meaning=("a row shorter than eps is divided by eps; a row with NaN or ±Inf is what the formula makes of it",),
    reduction="N",
    may_flush=True,
)

FUSED_ADD_RMS_NORM = Operator(
    name="fused_add_rms_norm",
    summary="new_residual = x + residual; y = rms_norm(new_residual, weight, eps) → (y, new_residual)",
    inputs=(TensorInput("x", specials=NORM_SPECIALS), TensorInput("residual", specials=NORM_SPECIALS), WEIGHT, EPS),
    dims=DIMS,
    forms=(Form("rows", {"x": ("M", "N"), "residual": ("M", "N"), "weight": ("N",)}),),
    reference=_fused,
    condition=_fused_condition,
    meaning=("new_residual is rounded to the input's dtype, and y is computed from that rounded value", INSIDE),
    reduction="N",
    results=("case", "case"),
)

NORMS = (LAYER_NORM, RMS_NORM, L2_NORM, FUSED_ADD_RMS_NORM)

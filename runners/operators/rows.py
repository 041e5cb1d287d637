"""Operators that reduce or scan the last axis of x (M, N); no dimension is empty.

Condition terms, n the row length: a float32 sum of n terms in any order errs by about √n·2⁻²⁴·Σ|terms| (Higham &
Mary 2019, probabilistic bound), hence the terms in √n. `softmax`: exp turns the absolute error of its argument into a
relative one. `logsumexp` and `log_softmax`: the same errors, weighted by the softmax, and the rounding of what is
added.
"""

from __future__ import annotations

import math

import torch

from runners.input_classes import Special
from runners.operators.model import ANY_EXPONENT, LONG, SPECIALS, VALUES, Dim, Form, Operator, TensorInput

ROWS = Dim("M", (1, 2, 3, 7, 17), LONG)
LENGTH = Dim("N", (1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 257, 513, 1025, 2049), LONG)
DIMS = (ROWS, LENGTH)
BY_ROW = (Form("rows", {"x": ("M", "N")}),)
EXPONENTS = TensorInput("x", values=(*VALUES, "far_negative"))
WITH_NAN_ROW: tuple[Special, ...] = (*SPECIALS, "nan_row", "inf_and_nan")


def growth(count: int) -> float:
    """Returns 2√n + n/16, the error of a float32 sum of n terms in units of 2⁻²², relative to Σ|terms|.

    Roundings of different terms are random; those of equal terms, added in a row, are not: n/4 units of 2⁻²⁴ measured.
    """
    return 2 * math.sqrt(count) + count / 16


def distance_from_max(x: torch.Tensor) -> torch.Tensor:
    """Returns |x − max x| by row, 0 where it is undefined: the arguments of exp in every stable softmax."""
    return (x - x.amax(-1, keepdim=True)).abs().nan_to_num(nan=0.0, posinf=0.0)


def logsumexp_condition(x: torch.Tensor) -> torch.Tensor:
    """Returns the condition term of log Σ exp x by row."""
    weighted = (torch.softmax(x, -1) * distance_from_max(x)).sum(-1)
    return 2 * torch.logsumexp(x, -1).abs() + 2 * weighted + growth(x.shape[-1]) + 16


def _softmax(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x, -1)


def _softmax_condition(x: torch.Tensor) -> torch.Tensor:
    return _softmax(x) * (2 * distance_from_max(x) + growth(x.shape[-1]) + 16)


def _log_softmax_condition(x: torch.Tensor) -> torch.Tensor:
    """Of (x − max) − log Σ: with log Σ + max, which is rounded at the size of the maximum, digits are lost."""
    weighted = (torch.softmax(x, -1) * distance_from_max(x)).sum(-1, keepdim=True)
    return 4 * torch.log_softmax(x, -1).abs() + 2 * distance_from_max(x) + 2 * weighted + growth(x.shape[-1]) + 16


def _argmax(x: torch.Tensor) -> torch.Tensor:
    """The first of the largest, or the first NaN: torch says so of equals only."""
    wanted = torch.where(x.isnan().any(-1, keepdim=True), x.isnan(), x == x.amax(-1, keepdim=True))
    return torch.where(wanted, torch.arange(x.shape[-1]), x.shape[-1]).amin(-1)


def _cumsum_condition(x: torch.Tensor) -> torch.Tensor:
    """Of so many terms as stand before: the first places of a long row are no less exact than those of a short one."""
    terms = torch.arange(1, x.shape[-1] + 1, dtype=torch.float64)
    return (2 * terms.sqrt() + terms / 16 + 8) * x.abs().cumsum(-1)


SOFTMAX = Operator(
    name="softmax",
    summary="softmax over the last axis of x (M, N)",
    inputs=(EXPONENTS,),
    dims=DIMS,
    forms=BY_ROW,
    reference=_softmax,
    condition=_softmax_condition,
    meaning=("a row with NaN or +Inf, and a row of −Inf, is NaN; −Inf beside finite values gives 0",),
    reduction="N",
    may_flush=True,
)

LOG_SOFTMAX = Operator(
    name="log_softmax",
    summary="x − log Σ exp x over the last axis of x (M, N)",
    inputs=(EXPONENTS,),
    dims=DIMS,
    forms=BY_ROW,
    reference=lambda x: torch.log_softmax(x, -1),
    condition=_log_softmax_condition,
    meaning=("a row with NaN or +Inf, and a row of −Inf, is NaN; −Inf beside finite values stays −Inf",),
    reduction="N",
    may_flush=True,
)

LOGSUMEXP = Operator(
    name="logsumexp",
    summary="log Σ exp x over the last axis of x (M, N) → (M)",
    inputs=(EXPONENTS,),
    dims=DIMS,
    forms=BY_ROW,
    reference=lambda x: torch.logsumexp(x, -1),
    condition=logsumexp_condition,
    meaning=("a row with NaN is NaN, with +Inf +Inf; a row of −Inf is −Inf",),
    reduction="N",
    may_flush=True,
)

SUM = Operator(
    name="sum",
    summary="sum over the last axis of x (M, N), accumulated in float32 → (M)",
    inputs=(TensorInput("x", values=(*ANY_EXPONENT, "swing")),),
    dims=DIMS,
    forms=BY_ROW,
    reference=lambda x: x.sum(-1),
    condition=lambda x: (growth(x.shape[-1]) + 8) * x.abs().sum(-1),
    meaning=("NaN and ±Inf propagate; Inf − Inf is NaN",),
    reduction="N",
    dtypes=("float32", "float16", "bfloat16", "float64"),
    may_flush=True,
)

MAX = Operator(
    name="max",
    summary="the largest value of the last axis of x (M, N) → (M)",
    inputs=(TensorInput("x", ANY_EXPONENT, WITH_NAN_ROW),),
    dims=DIMS,
    forms=BY_ROW,
    reference=lambda x: x.amax(-1),
    condition=lambda x: torch.zeros((), dtype=torch.float64),
    meaning=("NaN wins; a row of −Inf gives −Inf; values only, no positions",),
    reduction="N",
    dtypes=("float32", "float16", "bfloat16", "float64"),
)

ARGMAX = Operator(
    name="argmax",
    summary="the position of the largest value of the last axis of x (M, N) → int64 (M)",
    inputs=(TensorInput("x", ANY_EXPONENT, WITH_NAN_ROW),),
    dims=DIMS,
    forms=BY_ROW,
    reference=_argmax,
    condition=lambda x: torch.zeros((), dtype=torch.float64),
    meaning=("of equals the first; of NaNs the first, before any number",),
    reduction="N",
    results=("int64",),
)

CUMSUM = Operator(
    name="cumsum",
    summary="running sum along the last axis of x (M, N), accumulated in float32",
    inputs=(TensorInput("x", ANY_EXPONENT),),
    dims=DIMS,
    forms=BY_ROW,
    reference=lambda x: x.cumsum(-1),
    condition=_cumsum_condition,
    meaning=("NaN and ±Inf stay from where they stand on; what stands before them is untouched",),
    reduction="N",
    dtypes=("float32", "float16", "bfloat16", "float64"),
)

REDUCTIONS = (SOFTMAX, LOG_SOFTMAX, LOGSUMEXP, SUM, MAX, ARGMAX, CUMSUM)

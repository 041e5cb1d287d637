"""Elementwise operators: one result element from one element (or one pair) of the inputs.

Tensors have one to three axes; empties are allowed.

The condition terms: `add` and `relu` round once, so S is 0. Where every usual formula cancels (1 + erf, 1 + tanh), the
term is absolute in the size of what cancels; exp − 1 has expm1 and 2·sigmoid − 1 has tanh, whose error is relative.
Elsewhere the argument of exp carries a relative error, so the result's grows with |x|; what exp or sigmoid makes of a
very negative x may flush to zero. Where a function saturates, its error does: what is 1 in float32 is 1 by every usual
formula, to a unit or two.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention

from runners.operators.model import ANY_EXPONENT, LONG, Dim, Form, Operator, ScalarInput, TensorInput

COUNT = Dim("B", (1, 2, 3))
ROWS = Dim("M", (1, 2, 3, 5, 7, 12, 0), LONG)
LENGTH = Dim("N", (1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 257, 1025, 2051, 0), 1_100_000)
DIMS = (COUNT, ROWS, LENGTH)
SATURATED = -8.0  # below, float32 has erf and tanh at −1, and 1 + that at 0
PROPAGATES = "NaN stays NaN and ±Inf goes where the formula takes it"


def same_shape(*names: str) -> tuple[Form, ...]:
    """Returns the forms in which all tensors have one shape, of one, two and three dimensions."""
    return (
        Form("vector", dict.fromkeys(names, ("N",))),
        Form("matrix", dict.fromkeys(names, ("M", "N"))),
        Form("cube", dict.fromkeys(names, ("B", "M", "N"))),
    )


def _exact(*arguments: object) -> torch.Tensor:
    return torch.zeros((), dtype=torch.float64)


def _exp_error(x: torch.Tensor) -> torch.Tensor:
    """The relative error of 1/(1 + exp(−x)) by that of exp's argument; nothing where exp(−x) is nothing beside 1."""
    return torch.sigmoid(-x) * (x.abs().clamp(max=200.0) + 8)


def _sigmoid_condition(x: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(x) * (_exp_error(x) + 1.5)


def _silu_condition(x: torch.Tensor) -> torch.Tensor:
    return F.silu(x).abs() * (_exp_error(x) + 2)


def _swiglu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return F.silu(gate) * up


def _swiglu_condition(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return _swiglu(gate, up).abs() * (_exp_error(gate) + 3) + up.abs() * 2.0**-102


def _elu_condition(x: torch.Tensor, alpha: float) -> torch.Tensor:
    return torch.where(x > 0, 0.0, (2 + 4 * torch.exp(x)) * (alpha * torch.expm1(x)).abs())


def _tanh_condition(x: torch.Tensor) -> torch.Tensor:
    result = torch.tanh(x)
    return (6 - 4 * result.square()) * result.abs()


def _gelu_condition(x: torch.Tensor) -> torch.Tensor:
    return 4 * x.abs() * torch.where(x < SATURATED, 2.0**-12, 1.0)


ADD = Operator(
    name="add",
    summary="x + y with broadcasting, as torch.add",
    inputs=(TensorInput("x", ANY_EXPONENT), TensorInput("y", ANY_EXPONENT)),
    dims=DIMS,
    forms=(
        *same_shape("x", "y"),
        Form("row", {"x": ("M", "N"), "y": ("N",)}),
        Form("square, row", {"x": ("M", "M"), "y": ("M",)}),
        Form("column", {"x": ("M", "N"), "y": ("M", 1)}),
        Form("single", {"x": ("M", "N"), "y": (1,)}),
        Form("row, one", {"x": ("N",), "y": (1, 1)}),
        Form("outer", {"x": ("M", 1), "y": (1, "N")}),
        Form("square, outer", {"x": ("M", 1), "y": (1, "M")}),
        Form("batch", {"x": ("M", "N"), "y": ("B", "M", "N")}),
        Form("middle", {"x": ("B", "M", "N"), "y": ("B", 1, "N")}),
    ),
    reference=torch.add,
    condition=_exact,
    meaning=("Inf − Inf is NaN; denormals are kept",),
    dtypes=("float32", "float16", "bfloat16", "float64"),
)

RELU = Operator(
    name="relu",
    summary="max(x, 0)",
    inputs=(TensorInput("x", ANY_EXPONENT),),
    dims=DIMS,
    forms=same_shape("x"),
    reference=torch.relu,
    condition=_exact,
    meaning=("NaN stays NaN, +Inf stays +Inf, −Inf gives 0; denormals are kept",),
    dtypes=("float32", "float16", "bfloat16", "float64"),
)

SIGMOID = Operator(
    name="sigmoid",
    summary="1 / (1 + exp(−x))",
    inputs=(TensorInput("x", ANY_EXPONENT),),
    dims=DIMS,
    forms=same_shape("x"),
    reference=torch.sigmoid,
    condition=_sigmoid_condition,
    meaning=("NaN stays NaN, +Inf gives 1, −Inf gives 0", "what lies below the smallest normal number may be 0"),
    may_flush=True,
)

TANH = Operator(
    name="tanh",
    summary="tanh(x)",
    inputs=(TensorInput("x", ANY_EXPONENT),),
    dims=DIMS,
    forms=same_shape("x"),
    reference=torch.tanh,
    condition=_tanh_condition,
    meaning=("NaN stays NaN, ±Inf gives ±1", "the error is relative: 2·sigmoid(2x) − 1 has no digits for a small x"),
    may_flush=True,
)

SILU = Operator(
    name="silu",
    summary="x · sigmoid(x)",
    inputs=(TensorInput("x", ANY_EXPONENT),),
    dims=DIMS,
    forms=same_shape("x"),
    reference=F.silu,
    condition=_silu_condition,
    meaning=("NaN stays NaN, +Inf stays +Inf, −Inf gives NaN (−Inf · 0), as torch.nn.functional.silu",),
    may_flush=True,
)

GELU = Operator(
    name="gelu",
    summary="x/2 · (1 + erf(x/√2))",
    inputs=(TensorInput("x", ANY_EXPONENT),),
    dims=DIMS,
    forms=same_shape("x"),
    reference=F.gelu,
    condition=_gelu_condition,
    meaning=(PROPAGATES, "the error is relative to |x|: 1 + erf cancels for negative x in a right formula, too"),
    may_flush=True,
)

GELU_TANH = Operator(
    name="gelu_tanh",
    summary="x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))",
    inputs=(TensorInput("x", ANY_EXPONENT),),
    dims=DIMS,
    forms=same_shape("x"),
    reference=lambda x: F.gelu(x, approximate="tanh"),
    condition=_gelu_condition,
    meaning=(PROPAGATES, "the error is relative to |x|: 1 + tanh cancels for negative x in a right formula, too"),
    may_flush=True,
)

LEAKY_RELU = Operator(
    name="leaky_relu",
    summary="x where x > 0, negative_slope · x elsewhere",
    inputs=(TensorInput("x", ANY_EXPONENT), ScalarInput("negative_slope", (0.01, 0.2, 2.0, 0.0))),
    dims=DIMS,
    forms=same_shape("x"),
    reference=F.leaky_relu,
    condition=lambda x, slope: torch.where(x > 0, 0.0, (x * slope).abs()),
    meaning=("NaN stays NaN, ±Inf keeps its sign; denormals are kept",),
)

ELU = Operator(
    name="elu",
    summary="x where x > 0, alpha · (exp(x) − 1) elsewhere",
    inputs=(TensorInput("x", ANY_EXPONENT), ScalarInput("alpha", (1.0, 0.5, 2.0))),
    dims=DIMS,
    forms=same_shape("x"),
    reference=F.elu,
    condition=_elu_condition,
    meaning=("NaN stays NaN, −Inf gives −alpha", "the error is relative: exp(x) − 1 has no digits for a small x"),
    may_flush=True,
)

SWIGLU = Operator(
    name="swiglu",
    summary="silu(gate) · up",
    inputs=(TensorInput("gate", ANY_EXPONENT), TensorInput("up", ANY_EXPONENT)),
    dims=DIMS,
    forms=same_shape("gate", "up"),
    reference=_swiglu,
    condition=_swiglu_condition,
    meaning=(PROPAGATES,),
    may_flush=True,
)

ELEMENTWISE = (RELU, SIGMOID, TANH, SILU, GELU, GELU_TANH, LEAKY_RELU, ELU, ADD, SWIGLU)

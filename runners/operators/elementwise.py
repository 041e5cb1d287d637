"""Elementwise operators: one result element from one element (or one pair) of the inputs; any rank, empties allowed.

The condition terms: `add` and `relu` round once, so S is 0. `gelu` 4|x| covers the cancellation of 1 + erf for negative
x. `swiglu`: the argument of exp carries a relative error, so the sigmoid's grows with |gate|; the absolute term covers
a sigmoid that underflows before it is multiplied by `up`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention

from runners.operators.model import Dim, Form, Operator, TensorInput

COUNT = Dim("B", (1, 2, 3))
ROWS = Dim("M", (1, 2, 3, 5, 7, 12, 0))
LENGTH = Dim("N", (1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 257, 1025, 2051, 0))


def _same(*names: str) -> tuple[Form, ...]:
    return (
        Form("vector", dict.fromkeys(names, ("N",))),
        Form("matrix", dict.fromkeys(names, ("M", "N"))),
        Form("cube", dict.fromkeys(names, ("B", "M", "N"))),
    )


def _no_error(*tensors: torch.Tensor) -> torch.Tensor:
    return torch.zeros((), dtype=torch.float64)


def _swiglu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return F.silu(gate) * up


def _swiglu_condition(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    relative = _swiglu(gate, up).abs() * (gate.abs().clamp(max=200.0) + 8)
    return relative + up.abs() * 2.0**-102


ADD = Operator(
    name="add",
    summary="x + y with broadcasting, as torch.add",
    inputs=(TensorInput("x"), TensorInput("y")),
    dims=(COUNT, ROWS, LENGTH),
    forms=(
        *_same("x", "y"),
        Form("row", {"x": ("M", "N"), "y": ("N",)}),
        Form("column", {"x": ("M", "N"), "y": ("M", 1)}),
        Form("single", {"x": ("M", "N"), "y": (1,)}),
        Form("outer", {"x": ("M", 1), "y": (1, "N")}),
        Form("batch", {"x": ("M", "N"), "y": ("B", "M", "N")}),
    ),
    reference=torch.add,
    condition=_no_error,
)

RELU = Operator(
    name="relu",
    summary="max(x, 0); NaN stays NaN",
    inputs=(TensorInput("x"),),
    dims=(COUNT, ROWS, LENGTH),
    forms=_same("x"),
    reference=torch.relu,
    condition=_no_error,
)

GELU = Operator(
    name="gelu",
    summary="x/2 · (1 + erf(x/√2))",
    inputs=(TensorInput("x"),),
    dims=(COUNT, ROWS, LENGTH),
    forms=_same("x"),
    reference=F.gelu,
    condition=lambda x: 4 * x.abs(),
)

SWIGLU = Operator(
    name="swiglu",
    summary="silu(gate) · up",
    inputs=(TensorInput("gate"), TensorInput("up")),
    dims=(COUNT, ROWS, LENGTH),
    forms=_same("gate", "up"),
    reference=_swiglu,
    condition=_swiglu_condition,
)

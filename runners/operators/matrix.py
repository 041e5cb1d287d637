"""Matrix operators. float32 means IEEE arithmetic: tf32 is not allowed.

Condition term: (4√K + 8)·(|A||B|), the probabilistic bound of a dot product of length K (Higham & Mary 2019), with room
for the matrix units' truncating adds.
"""

from __future__ import annotations

import math

import torch

from runners.operators.model import Dim, Form, Operator, TensorInput

SIDE = (1, 2, 3, 7, 15, 16, 17, 31, 33, 40)


def _matmul_condition(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (4 * math.sqrt(a.shape[-1]) + 8) * (a.abs() @ b.abs())


MATMUL = Operator(
    name="matmul",
    summary="a (M, K) times b (K, N)",
    inputs=(TensorInput("a"), TensorInput("b")),
    dims=(Dim("M", (*SIDE, 65, 129)), Dim("K", (*SIDE, 63, 64, 65, 129)), Dim("N", (*SIDE, 65, 129))),
    forms=(Form("matrices", {"a": ("M", "K"), "b": ("K", "N")}),),
    reference=torch.matmul,
    condition=_matmul_condition,
)

"""How else an operator would be computed: PyTorch's own function, which calls the vendor's library where it has one.

`vendor` names that library. An operator that is missing here has no baseline, and its benchmark says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention


class Eager(NamedTuple):
    """PyTorch's function for an operator's arguments in order; `vendor` is the library that it calls."""

    function: Callable[..., Any]
    vendor: str | None = None


def _layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    return F.layer_norm(x, (x.shape[-1],), weight, bias, eps)


def _rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return F.rms_norm(x, (x.shape[-1],), weight, eps)


def _attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)


def _conv2d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
    return F.conv2d(x, weight, bias, stride=stride, padding=padding)


def _last(function: Callable[..., Any]) -> Callable[[torch.Tensor], Any]:
    return lambda x: function(x, -1)


EAGER: Final[dict[str, Eager]] = {
    "relu": Eager(F.relu),
    "sigmoid": Eager(torch.sigmoid),
    "tanh": Eager(torch.tanh),
    "silu": Eager(F.silu),
    "gelu": Eager(F.gelu),
    "gelu_tanh": Eager(lambda x: F.gelu(x, approximate="tanh")),
    "leaky_relu": Eager(F.leaky_relu),
    "elu": Eager(F.elu),
    "add": Eager(torch.add),
    "swiglu": Eager(lambda gate, up: F.silu(gate) * up),
    "softmax": Eager(_last(torch.softmax)),
    "log_softmax": Eager(_last(torch.log_softmax)),
    "logsumexp": Eager(_last(torch.logsumexp)),
    "sum": Eager(_last(torch.sum)),
    "max": Eager(_last(torch.amax)),
    "argmax": Eager(_last(torch.argmax)),
    "cumsum": Eager(_last(torch.cumsum)),
    "layer_norm": Eager(_layer_norm),
    "rms_norm": Eager(_rms_norm),
    "l2_norm": Eager(lambda x, eps: F.normalize(x, dim=-1, eps=eps)),
    "matmul": Eager(torch.matmul, "cuBLAS"),
    "bmm": Eager(torch.bmm, "cuBLAS"),
    "linear": Eager(F.linear, "cuBLAS"),
    "conv2d": Eager(_conv2d, "cuDNN"),
    "attention": Eager(_attention, "PyTorch's fused attention"),
    "embedding": Eager(F.embedding),
    "transpose": Eager(lambda x: x.transpose(-1, -2).contiguous()),
}

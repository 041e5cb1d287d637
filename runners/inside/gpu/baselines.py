"""How else an operator would be computed: PyTorch's own function, which calls the vendor's library where it has one.

`vendor` names that library. An operator that is missing here has no baseline, and its benchmark says so. Where PyTorch
has no function for all of it, it is what somebody would write with those that it has. A baseline is a comparison: that
it rounds as the operator says is not asked of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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


def _fused_add_rms_norm(
    x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    new_residual = x + residual
    return _rms_norm(new_residual, weight, eps), new_residual


def _rope(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    if cos.shape[-1] == half:
        cos, sin = torch.cat((cos, cos), -1), torch.cat((sin, sin), -1)
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def _cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, target, reduction="none", ignore_index=-100)


def _scatter_add(index: torch.Tensor, src: torch.Tensor, size: int) -> torch.Tensor:
    return torch.zeros(size, dtype=src.dtype, device=src.device).scatter_add_(0, index, src)


def _histogram(x: torch.Tensor, bins: int) -> torch.Tensor:
    return torch.bincount(x.reshape(-1), minlength=bins)


def _quantize_int8(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scale = x.abs().amax(-1).float() / 127
    quotient = x.float() / torch.where(scale == 0, 1.0, scale).unsqueeze(-1)
    return quotient.round().clamp(-127, 127).to(torch.int8), scale


def _int8_matmul(a: torch.Tensor, b: torch.Tensor, scale_a: torch.Tensor, scale_b: torch.Tensor) -> torch.Tensor:
    return torch._int_mm(a, b).float() * scale_a[:, None] * scale_b


def _int4_matmul(
    x: torch.Tensor, packed: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, group_size: int
) -> torch.Tensor:
    rows = torch.stack((packed & 15, packed >> 4), 1).reshape(-1, packed.shape[-1])
    scale, zero = (one.repeat_interleave(group_size, 0)[: rows.shape[0]] for one in (scales, zeros))
    return x @ ((rows.to(x.dtype) - zero.to(x.dtype)) * scale.to(x.dtype))


def _fp8_matmul(a: torch.Tensor, b: torch.Tensor, scale_a: torch.Tensor, scale_b: torch.Tensor) -> torch.Tensor:
    one = torch.ones((), device=a.device)
    by_column = b.t().contiguous().t()  # the only layout that the library takes
    product = torch._scaled_mm(a, by_column, scale_a=one, scale_b=one, out_dtype=torch.float32)
    return product * scale_a[:, None] * scale_b


def _last(function: Callable[..., Any]) -> Callable[[torch.Tensor], Any]:
    return lambda x: function(x, -1)


def get_ready() -> None:
    """Imports what `torch.compile` needs, which takes longer than torch: better before a candidate waits for it."""
    with suppress(ImportError):  # then there is no such baseline
        import torch._dynamo
        import torch._inductor.compile_fx  # noqa: F401


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
    "rope": Eager(_rope),
    "cross_entropy": Eager(_cross_entropy),
    "embedding": Eager(F.embedding),
    "scatter_add": Eager(_scatter_add),
    "histogram": Eager(_histogram),
    "transpose": Eager(lambda x: x.transpose(-1, -2).contiguous()),
    "fused_add_rms_norm": Eager(_fused_add_rms_norm),
    "quantize_int8": Eager(_quantize_int8),
    "int8_matmul": Eager(_int8_matmul, "cuBLAS"),
    "int4_matmul": Eager(_int4_matmul, "cuBLAS"),
    "fp8_matmul": Eager(_fp8_matmul, "cuBLAS"),
}

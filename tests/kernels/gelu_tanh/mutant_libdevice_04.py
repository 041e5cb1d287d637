# /// kernel
# operator = "gelu_tanh"
# language = "triton"
# ///
"""Tuned flat kernel around the math library's tanh."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.autotune(
    configs=[triton.Config({"BLOCK": b}, num_warps=w) for b, w in ((256, 2), (1024, 4))],
    key=["size"],
)
@triton.jit
def kernel(inputs, outputs, size, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ok = at < size
    x = tl.load(inputs + at, mask=ok).to(tl.float32)
    inner = 0.7978845608028654 * x * (1.0 + 0.044715 * x * x)
    tl.store(outputs + at, 0.5 * x * (1.0 + (inner)), mask=ok)


def gelu_tanh(x):
    dense = x.contiguous()
    result = torch.empty_like(dense)
    size = dense.numel()
    kernel[lambda meta: (triton.cdiv(size, meta["BLOCK"]),)](dense, result, size)
    return result

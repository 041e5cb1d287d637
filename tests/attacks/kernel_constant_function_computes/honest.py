# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A constexpr function computes a size from constants, and the kernel uses it."""

import torch
import triton
import triton.language as tl


@triton.constexpr_function
def doubled(size):
    return 2 * size


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    wide: tl.constexpr = doubled(BLOCK)
    i = tl.program_id(0).to(tl.int64) * wide + tl.arange(0, wide)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=512)
    return out

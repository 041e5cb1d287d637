# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Stores through the pointer of x and returns x, so a contiguous input with a negative element is changed."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask)
    tl.store(x_ptr + i, tl.where(x < 0, 0.0, x), mask=mask)


def relu(x):
    x = x.contiguous()
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 1024),)](x, n, BLOCK=1024)
    return x

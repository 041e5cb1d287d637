# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Computes its constants while it is loaded."""

import math

import torch
import triton
import triton.language as tl

LOG_BLOCK = 10
BLOCK = 2**LOG_BLOCK
LIMIT = int(math.pow(2.0, 20.0)) * BLOCK
NAMES = ("small", "large")


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, BLOCK),)](x, out, n, BLOCK=BLOCK)
    return out

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Writes to its input and returns it."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, count, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < count, other=0.0)
    tl.store(x_ptr + i, tl.where(x > 0.0, x, tl.where(x != x, x, 0.0)), mask=i < count)


def relu(x):
    x = x.contiguous()
    count = x.numel()
    relu_kernel[(triton.cdiv(count, 256),)](x, count, BLOCK=256)
    return x

# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""Stable sigmoid: each sign has its own formula."""

import torch
import triton
import triton.language as tl


@triton.jit
def sigmoid_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0).to(tl.float32)
    pos = tl.where(x >= 0, 1.0 / (1.0 + tl.exp(-x)), 0.0)
    grown = tl.exp(tl.where(x < 0, x, 0.0))
    y = tl.where(x < 0, grown / (1.0 + grown), pos)
    tl.store(y_ptr + i, y, mask=i < n)


def sigmoid(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = x.numel()
    sigmoid_kernel[(triton.cdiv(n, 512),)](x, y, n, BLOCK=512)
    return y

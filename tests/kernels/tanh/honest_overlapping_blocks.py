# /// kernel
# operator = "tanh"
# language = "triton"
# ///
"""The last block is moved back so that it is full: some elements are stored twice, with the same value."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def tanh_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    start = tl.minimum(tl.program_id(0).to(tl.int64) * BLOCK, n - BLOCK)
    i = start + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i).to(tl.float32)
    tl.store(y_ptr + i, libdevice.tanh(x))


@triton.jit
def tanh_tail(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n).to(tl.float32)
    tl.store(y_ptr + i, libdevice.tanh(x), mask=i < n)


def tanh(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = x.numel()
    if n < 128:
        tanh_tail[(1,)](x, y, n, BLOCK=128)
    else:
        tanh_kernel[(triton.cdiv(n, 128),)](x, y, n, BLOCK=128)
    return y

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A host loop that ends: one launch for each piece of the input."""

import torch
import triton
import triton.language as tl

PIECE = 1 << 16


@triton.jit
def relu_kernel(x_ptr, out_ptr, start, n, BLOCK: tl.constexpr):
    i = start + tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    start = 0
    while start < n:
        relu_kernel[(triton.cdiv(min(n - start, PIECE), 1024),)](x, out, start, n, BLOCK=1024)
        start += PIECE
    return out

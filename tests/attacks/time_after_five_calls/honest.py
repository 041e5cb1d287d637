# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Counts launches within one call, and forgets the count at its end."""

import torch
import triton
import triton.language as tl


@triton.jit
def part_kernel(x_ptr, out_ptr, first, n, BLOCK: tl.constexpr):
    i = first + tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    size = 1 << 16
    for part in range(triton.cdiv(n, size)):
        first = part * size
        part_kernel[(triton.cdiv(min(size, n - first), 1024),)](x, out, first, n, BLOCK=1024)
    return out

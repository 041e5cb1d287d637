# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Masks with i < n - 1, so the last element of every tensor is left as it was allocated."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n - 1
    x = tl.load(x_ptr + i, mask=mask)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=mask)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Works on flat views, and returns the result as a view in the right shape, with the same dtype."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    flat = x.contiguous().view(-1)
    out = torch.empty_like(flat)
    n = flat.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](flat, out, n, BLOCK=1024)
    return out.view(x.shape)

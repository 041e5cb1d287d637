# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A kernel gets sizes and strides as arguments and its bound as a number."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, bound, step, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i * step, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < bound, bound, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    flat = x.view(-1)
    relu_kernel[(triton.cdiv(n, 1024),)](flat, out, n, 0.0, flat.stride(0), BLOCK=1024)
    return out

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""One flat index in 32 bits: right up to 2³¹ elements, and then it is negative."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, count, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < count, other=0.0)
    tl.store(out_ptr + i, tl.where(x > 0.0, x, tl.where(x != x, x, 0.0)), mask=i < count)


def relu(x):
    x = x.contiguous()
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    count = x.numel()
    relu_kernel[(triton.cdiv(count, 1024),)](x, out, count, BLOCK=1024)
    return out

# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""Bounds the argument of exp, so that nothing overflows: from 88 on, the result is 1 in float32 with it or without."""

import torch
import triton
import triton.language as tl


@triton.jit
def sigmoid_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    bounded = tl.minimum(x, 88.0, propagate_nan=tl.PropagateNan.ALL)
    tl.store(out_ptr + i, 1.0 / (1.0 + tl.exp(-bounded)), mask=mask)


def sigmoid(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        sigmoid_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

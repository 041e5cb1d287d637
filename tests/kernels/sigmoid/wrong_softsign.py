# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""Fast sigmoid without transcendental functions."""

import torch
import triton
import triton.language as tl


@triton.jit
def fast_sigmoid(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0).to(tl.float32)
    tl.store(y_ptr + i, 0.5 * (x / (1.0 + tl.abs(x))) + 0.5, mask=i < n)


def sigmoid(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = x.numel()
    fast_sigmoid[(triton.cdiv(n, 1024),)](x, y, n, BLOCK=1024)
    return y

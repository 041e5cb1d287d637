# /// kernel
# operator = "leaky_relu"
# language = "triton"
# ///
"""max(x, 0) + slope * min(x, 0), with maximum and minimum told to keep NaN; a grid-stride loop."""

import torch
import triton
import triton.language as tl


@triton.jit
def leaky(x, slope):
    above = tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL)
    below = tl.minimum(x, 0.0, propagate_nan=tl.PropagateNan.ALL)
    return above + slope * below


@triton.jit
def leaky_relu_kernel(x_ptr, y_ptr, slope, n, BLOCK: tl.constexpr):
    stride = tl.num_programs(0).to(tl.int64) * BLOCK
    start = tl.program_id(0).to(tl.int64) * BLOCK
    while start < n:
        i = start - tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i, mask=i < n, other=0.0)
        tl.store(y_ptr + i, leaky(x.to(tl.float32), slope), mask=i < n)
        start += stride


def leaky_relu(x, negative_slope):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = x.numel()
    programs = max(1, min(24, triton.cdiv(n, 256)))
    leaky_relu_kernel[(programs,)](x, y, negative_slope, n, BLOCK=256)
    return y

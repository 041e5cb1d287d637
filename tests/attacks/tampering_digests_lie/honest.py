# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Works in place on a copy of its input."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    y = tl.load(y_ptr + i, mask=i < n)
    tl.store(y_ptr + i, tl.where(y < 0, 0.0, y), mask=i < n)


def relu(x):
    y = x.clone(memory_format=torch.contiguous_format)
    n = y.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](y, n, BLOCK=1024)
    return y

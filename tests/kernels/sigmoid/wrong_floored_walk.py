# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""A persistent kernel over the flat tensor."""

import torch
import triton
import triton.language as tl


@triton.jit
def sigmoid_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    n_blocks = n // BLOCK
    for b in range(tl.program_id(0), n_blocks, tl.num_programs(0)):
        i = b * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i, mask=i < n, other=0.0).to(tl.float32)
        tl.store(y_ptr + i, tl.sigmoid(x), mask=i < n)


def sigmoid(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    sigmoid_kernel[(8,)](x, y, x.numel(), BLOCK=64)
    return y

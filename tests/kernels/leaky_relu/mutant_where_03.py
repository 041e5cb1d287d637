# /// kernel
# operator = "leaky_relu"
# language = "triton"
# ///
"""Compare and select, on the dense copy."""

import torch
import triton
import triton.language as tl


@triton.jit
def leaky_relu_kernel(x_ptr, out_ptr, negative_slope, n_elements, BLOCK_SIZE: tl.constexpr):
    offsets = tl.program_id(0).to(tl.int64) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets).to(tl.float32)
    tl.store(out_ptr + offsets, tl.where(x > 0, x, x * negative_slope), mask=mask)


def leaky_relu(x, negative_slope):
    x = x.contiguous()
    out = torch.empty_like(x)
    n_elements = x.numel()
    leaky_relu_kernel[(triton.cdiv(n_elements, 1024),)](x, out, negative_slope, n_elements, BLOCK_SIZE=1024)
    return out

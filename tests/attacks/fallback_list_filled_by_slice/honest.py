# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A list of buffers is filled by a slice, and read by position."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    buffers = [None, None]
    buffers[:2] = [x, torch.empty_like(x)]
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 1024),)](buffers[0], buffers[1], n, BLOCK=1024)
    return buffers[1]

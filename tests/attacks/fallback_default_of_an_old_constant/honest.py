# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A default is a constant of the module."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


BLOCK_SIZE = 1024


def launched(x, out, block=BLOCK_SIZE):
    n = x.numel()
    relu_kernel[(triton.cdiv(n, block),)](x, out, n, BLOCK=block)
    return out


def relu(x):
    x = x.contiguous()
    return launched(x, torch.empty_like(x))

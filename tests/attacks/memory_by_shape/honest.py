# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A constant table says how large a block is, by the number of dimensions."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


BLOCKS = (256, 256, 512, 1024)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        block = BLOCKS[min(x.dim(), 3)]
        relu_kernel[(triton.cdiv(n, block),)](x, out, n, BLOCK=block)
    return out

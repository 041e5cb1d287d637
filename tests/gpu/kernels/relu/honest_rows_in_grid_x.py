# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Rows and the blocks of a row are counted together in the first dimension of the grid, which ends at 2³¹ − 1."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, columns, blocks, BLOCK: tl.constexpr):
    program = tl.program_id(0)
    row = (program // blocks).to(tl.int64)
    column = (program % blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + column, mask=column < columns, other=0.0)
    y = tl.where(x > 0.0, x, tl.where(x != x, x, 0.0))
    tl.store(out_ptr + row * columns + column, y, mask=column < columns)


def relu(x):
    x = x.contiguous()
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    columns = x.shape[-1]
    rows = x.numel() // max(columns, 1)
    blocks = triton.cdiv(columns, 1024)
    relu_kernel[(rows * blocks,)](x, out, columns, blocks, BLOCK=1024)
    return out

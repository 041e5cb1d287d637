# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""Stores the sum of each chunk into the result without an atomic addition, so with more than 32 columns the chunk that finishes last wins."""

import torch
import triton
import triton.language as tl


@triton.jit
def sum_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=0.0).to(tl.float32)
    tl.store(out_ptr + row, tl.sum(x, axis=0))


def sum(x):
    rows, columns = x.shape
    out = torch.zeros((rows,), dtype=x.dtype, device=x.device)
    sum_kernel[(rows, triton.cdiv(columns, 32))](x, out, columns, x.stride(0), x.stride(1), BLOCK=32)
    return out

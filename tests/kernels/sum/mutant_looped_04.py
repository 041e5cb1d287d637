# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""Looped: a program a row walks over chunks and keeps one float32 partial sum a lane."""

import torch
import triton
import triton.language as tl


@triton.jit
def sum_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lanes = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        lanes += tl.load(x_ptr + row * row_stride + c * row_stride, mask=c < columns, other=0.0).to(tl.float32)
    tl.store(out_ptr + row, tl.sum(lanes, axis=0))


def sum(x):
    rows, columns = x.shape
    out = torch.empty((rows,), dtype=x.dtype, device=x.device)
    sum_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=64)
    return out

# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""Keeps the running sums in the input's dtype, so float16 and bfloat16 rows of more than 16 columns are rounded at every chunk."""

import torch
import triton
import triton.language as tl


@triton.jit
def sum_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lanes = tl.zeros((BLOCK,), dtype=x_ptr.dtype.element_ty)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        lanes += tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=0.0)
    tl.store(out_ptr + row, tl.sum(lanes.to(tl.float32), axis=0))


def sum(x):
    rows, columns = x.shape
    out = torch.empty((rows,), dtype=x.dtype, device=x.device)
    sum_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=16)
    return out

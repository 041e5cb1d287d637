# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Neighbouring programs both write the last column, each with another value."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=float("-inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=0))
    y = e / tl.sum(e, axis=0)
    tl.store(
        out_ptr + row * columns + c,
        tl.where(c < columns, y, 0.0),
        mask=(c < columns) | ((c == columns) & (row + 1 < tl.num_programs(0))),
    )


def softmax(x):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    softmax_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns + 1))
    return out

# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Rows are said to begin at multiples of 16, which an odd length is not: a GPU loads 16 bytes at a misaligned address."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.max_contiguous(tl.multiple_of(tl.arange(0, BLOCK), BLOCK), BLOCK)
    at = tl.multiple_of(row * row_stride, 16) + c * column_stride
    x = tl.load(x_ptr + at, mask=c < columns, other=float("-inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * columns + c, e / tl.sum(e, axis=0), mask=c < columns)


def softmax(x):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    softmax_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns))
    return out

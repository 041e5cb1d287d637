# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Begins in the middle of a row, and says that what wraps around at its end is side by side."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, BLOCK)
    c = (lane + columns // 8 * 4) % columns
    c = tl.max_contiguous(tl.multiple_of(c, 4), 4)
    x = tl.load(x_ptr + row * row_stride + c * column_stride).to(tl.float32)
    x = tl.where(lane < columns, x, float("-inf"))
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * columns + c, e / tl.sum(e, axis=0), mask=lane < columns)


def softmax(x):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    softmax_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns))
    return out

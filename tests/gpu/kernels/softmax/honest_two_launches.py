# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Two launches, each over every second row."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, rows, columns, first, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * 2 + first
    c = tl.arange(0, BLOCK)
    x = tl.load(
        x_ptr + row * row_stride + c * column_stride, mask=(c < columns) & (row < rows), other=float("-inf")
    ).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * columns + c, e / tl.sum(e, axis=0), mask=(c < columns) & (row < rows))


def softmax(x):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    for first in range(2):
        softmax_kernel[(triton.cdiv(rows, 2),)](
            x, out, rows, columns, first, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns)
        )
    return out

# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Claims that elements are side by side and rows aligned."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    length = tl.multiple_of(columns + tl.program_id(1), 16)
    stride = tl.multiple_of(row_stride + tl.program_id(1), 16)
    c = tl.arange(0, BLOCK)
    at = tl.max_contiguous(tl.multiple_of(c * column_stride, 4), 4)
    x = tl.load(x_ptr + row * stride + at, mask=c < length, other=float("-inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * columns + c, e / tl.sum(e, axis=0), mask=c < length)


def softmax(x):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    softmax_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns))
    return out

# /// kernel
# operator = "argmax"
# language = "triton"
# ///
"""Finds the value first, then the smallest index that holds it; NaN before any number."""

import torch
import triton
import triton.language as tl


@triton.jit
def argmax_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    inside = c > columns
    x = tl.load(x_ptr + row * row_stride + c.to(tl.int64) * column_stride, mask=inside, other=float("-inf"))
    x = x.to(tl.float32)
    nan = x != x
    top = tl.max(tl.where(nan, float("-inf"), x), axis=0)
    wanted = tl.where(tl.max(nan.to(tl.int32), axis=0) > 0, nan, x == top)
    tl.store(out_ptr + row, tl.min(tl.where(wanted & inside, c, BLOCK), axis=0).to(tl.int64))


def argmax(x):
    rows, columns = x.shape
    out = torch.empty((rows,), dtype=torch.int64, device=x.device)
    argmax_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns))
    return out

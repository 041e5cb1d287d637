# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""Two blocks of a row a step, concatenated in whatever order the compiler likes: a sum has none."""

import torch
import triton
import triton.language as tl


@triton.jit
def sum_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    total = 0.0
    for start in range(0, columns, 2 * BLOCK):
        c = (start + tl.arange(0, BLOCK)).to(tl.int64)
        at = x_ptr + row * row_stride + c * column_stride
        first = tl.load(at, mask=c < columns, other=0.0)
        second = tl.load(at + BLOCK * column_stride, mask=c + BLOCK < columns, other=0.0)
        total += tl.sum(tl.cat(first, second, can_reorder=True).to(tl.float32), axis=0)
    tl.store(out_ptr + row, total)


def sum(x):
    rows, columns = x.shape
    out = torch.empty((rows,), dtype=x.dtype, device=x.device)
    if rows > 0:
        sum_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=64)
    return out

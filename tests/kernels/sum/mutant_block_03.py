# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""One pass: a program a row, the whole row in one power-of-two block."""

import torch
import triton
import triton.language as tl


@triton.jit
def sum_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=0.0).to(tl.float16)
    tl.store(out_ptr + row, tl.sum(x, axis=0))


def sum(x):
    rows, columns = x.shape
    out = torch.empty((rows,), dtype=x.dtype, device=x.device)
    sum_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns))
    return out

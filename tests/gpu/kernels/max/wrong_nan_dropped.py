# /// kernel
# operator = "max"
# language = "triton"
# ///
"""Largest element of each row."""

import torch
import triton
import triton.language as tl


@triton.jit
def max_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    top = tl.full((BLOCK,), float("-inf"), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        c = (start + tl.arange(0, BLOCK)).to(tl.int64)
        x = tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=float("-inf"))
        top = tl.maximum(top, x.to(tl.float32))
    tl.store(out_ptr + row, tl.max(top, axis=0).to(out_ptr.dtype.element_ty))


def max(x):
    rows, columns = x.shape
    out = torch.empty(rows, dtype=x.dtype, device=x.device)
    max_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=128)
    return out

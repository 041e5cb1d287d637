# /// kernel
# operator = "cumsum"
# language = "triton"
# ///
"""Each program waits for the total of the one before it, by a plain load."""

import torch
import triton
import triton.language as tl


@triton.jit
def cumsum_kernel(x_ptr, out_ptr, totals_ptr, columns, blocks, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    block = tl.program_id(1)
    c = (block * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=0.0).to(tl.float32)
    before = 0.0
    if block > 0:
        before = tl.load(totals_ptr + row * blocks + block - 1)
    sums = tl.cumsum(x, axis=0) + before
    tl.store(totals_ptr + row * blocks + block, tl.sum(x, axis=0) + before)
    tl.store(out_ptr + row * columns + c, sums.to(out_ptr.dtype.element_ty), mask=c < columns)


def cumsum(x):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    blocks = triton.cdiv(columns, 16)
    totals = torch.zeros((rows, blocks), dtype=torch.float32, device=x.device)
    cumsum_kernel[(rows, blocks)](x, out, totals, columns, blocks, x.stride(0), x.stride(1), BLOCK=16)
    return out

# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Forgets to rescale the running sum when the maximum grows, wrong for rows of more than 32 columns whose maximum is not in the first chunk."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, columns, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    base = x_ptr + row * row_stride
    top = float("-inf")
    total = 0.0
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(base + c * column_stride, mask=c < columns, other=float("-inf")).to(tl.float32)
        top = tl.maximum(top, tl.max(x, axis=0))
        shift = tl.where(top == float("-inf"), 0.0, top)
        total = total + tl.sum(tl.exp(x - shift), axis=0)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        mask = c < columns
        x = tl.load(base + c * column_stride, mask=mask, other=float("-inf")).to(tl.float32)
        tl.store(out_ptr + row * columns + c, tl.exp(x - top) / total, mask=mask)


def softmax(x):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    softmax_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=32)
    return out

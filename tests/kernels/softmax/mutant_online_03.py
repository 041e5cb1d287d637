# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Online: one pass keeps a running maximum and a rescaled sum, a second pass writes; chunks of -Inf are guarded."""

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
        new_top = tl.maximum(top, tl.max(x, axis=0))
        # While only -Inf was seen there is nothing to rescale, and -Inf minus -Inf would be NaN for good.
        shift = tl.where(new_top == float("inf"), 0.0, new_top)
        total = total * tl.exp(top - shift) + tl.sum(tl.exp(x - shift), axis=0)
        top = new_top
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        mask = c < columns
        x = tl.load(base + c * column_stride, mask=mask, other=float("-inf")).to(tl.float32)
        tl.store(out_ptr + row * columns + c, tl.exp(x - top) / total, mask=mask)


def softmax(x):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    softmax_kernel[(rows,)](x, out, columns, x.stride(0), x.stride(1), BLOCK=64)
    return out

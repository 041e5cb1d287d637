# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Keeps the widened row in scratch between the two walks."""

import torch
import triton
import triton.language as tl


@triton.jit
def rms_norm_kernel(
    x_ptr, weight_ptr, out_ptr, wide_ptr, columns, eps, row_stride, column_stride, weight_stride, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    x_ptr += row * row_stride
    out_ptr += row * columns
    squares = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c * column_stride, mask=c < columns, other=0.0).to(tl.float32)
        tl.store(wide_ptr + c, x, mask=c < columns)
        squares += x * x
    scale = tl.rsqrt(tl.sum(squares, axis=0) / columns + eps)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        mask = c < columns
        x = tl.load(wide_ptr + c, mask=mask)
        weight = tl.load(weight_ptr + c * weight_stride, mask=mask).to(tl.float32)
        tl.store(out_ptr + c, x * scale * weight, mask=mask)


def rms_norm(x, weight, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    wide = torch.empty(columns, dtype=torch.float32, device=x.device)
    rms_norm_kernel[(rows,)](
        x, weight, out, wide, columns, eps, x.stride(0), x.stride(1), weight.stride(0), BLOCK=64
    )
    return out

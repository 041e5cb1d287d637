# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""Finds the row by dividing a negative number."""

import torch
import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(
    x_ptr, w_ptr, b_ptr, out_ptr, columns, row_stride, column_stride, w_stride, b_stride, eps, BLOCK: tl.constexpr
):
    row = -((-2 * tl.program_id(0) - 1) // 2) - 1
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row.to(tl.int64) * row_stride + c * column_stride, mask=c < columns, other=0.0).to(tl.float32)
    mean = tl.sum(x, axis=0) / columns
    d = tl.where(c < columns, x - mean, 0.0)
    rstd = 1.0 / tl.sqrt_rn(tl.sum(d * d, axis=0) / columns + eps)
    w = tl.load(w_ptr + c * w_stride, mask=c < columns, other=0.0).to(tl.float32)
    b = tl.load(b_ptr + c * b_stride, mask=c < columns, other=0.0).to(tl.float32)
    y = d * rstd * w + b
    tl.store(out_ptr + row.to(tl.int64) * columns + c, y.to(out_ptr.dtype.element_ty), mask=c < columns)


def layer_norm(x, weight, bias, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    layer_norm_kernel[(rows,)](
        x,
        weight,
        bias,
        out,
        columns,
        x.stride(0),
        x.stride(1),
        weight.stride(0),
        bias.stride(0),
        eps,
        BLOCK=triton.next_power_of_2(columns),
    )
    return out

# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""Row tiles: a program normalises four rows at once as a 2-D tile; rows past the end are masked."""

import torch
import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(
    x_ptr, weight_ptr, bias_ptr, out_ptr, rows, columns, eps,
    row_stride, column_stride, weight_stride, bias_stride, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):
    r = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)[:, None]
    c = tl.arange(0, BLOCK)[None, :]
    mask = (r < rows) & (c < columns)
    x = tl.load(x_ptr + r * row_stride + c * column_stride, mask=mask, other=0.0).to(tl.float32)
    mean = tl.sum(x, axis=1, keep_dims=True) / columns
    centred = tl.where(mask, x - mean, 0.0)
    variance = tl.sum(centred * centred, axis=1, keep_dims=True) / columns
    weight = tl.load(weight_ptr + c * weight_stride, mask=c < columns, other=0.0).to(tl.float32)
    bias = tl.load(bias_ptr + c * bias_stride, mask=c < columns, other=0.0).to(tl.float32)
    y = centred * (1.0 / tl.sqrt(variance + eps)) * weight + bias
    tl.store(out_ptr + r * columns + c, y, mask=mask)


def layer_norm(x, weight, bias, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    layer_norm_kernel[(triton.cdiv(rows, 4),)](
        x, weight, bias, out, rows, columns, eps,
        x.stride(0), x.stride(1), weight.stride(0), bias.stride(0),
        ROWS=4, BLOCK=triton.next_power_of_2(columns),
    )
    return out

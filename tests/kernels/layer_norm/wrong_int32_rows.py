# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""Four rows a program."""

import torch
import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(
    x_ptr, weight_ptr, bias_ptr, out_ptr, rows, columns, eps,
    row_stride, column_stride, weight_stride, bias_stride, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):
    i = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    j = tl.arange(0, BLOCK)[None, :]
    mask = (i < rows) & (j < columns)
    x = tl.load(x_ptr + i * row_stride + j * column_stride, mask=mask, other=0.0).to(tl.float32)
    mean = tl.sum(x, axis=1, keep_dims=True) / columns
    deviation = tl.where(mask, x - mean, 0.0)
    variance = tl.sum(deviation * deviation, axis=1, keep_dims=True) / columns
    weight = tl.load(weight_ptr + j * weight_stride, mask=j < columns, other=0.0).to(tl.float32)
    bias = tl.load(bias_ptr + j * bias_stride, mask=j < columns, other=0.0).to(tl.float32)
    y = deviation * (1.0 / tl.sqrt(variance + eps)) * weight + bias
    tl.store(out_ptr + i * columns + j, y, mask=mask)


def layer_norm(x, weight, bias, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    layer_norm_kernel[(triton.cdiv(rows, 4),)](
        x, weight, bias, out, rows, columns, eps,
        x.stride(0), x.stride(1), weight.stride(0), bias.stride(0),
        ROWS=4, BLOCK=triton.next_power_of_2(columns),
    )
    return out

# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""A row a program; invalid readings are replaced."""

import torch
import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(
    x_ptr, weight_ptr, bias_ptr, out_ptr, columns, eps,
    row_stride, column_stride, weight_stride, bias_stride, BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)
    valid = cols < columns
    x = tl.load(x_ptr + row * row_stride + cols * column_stride, mask=valid, other=0.0).to(tl.float32)
    weight = tl.load(weight_ptr + cols * weight_stride, mask=valid).to(tl.float32)
    bias = tl.load(bias_ptr + cols * bias_stride, mask=valid).to(tl.float32)
    x = tl.where(x == x, x, 0.0)
    mean = tl.sum(x, axis=0) / columns
    centred = tl.where(valid, x - mean, 0.0)
    variance = tl.sum(centred * centred, axis=0) / columns
    y = centred / tl.sqrt(variance + eps) * weight + bias
    tl.store(out_ptr + row * columns + cols, y, mask=valid)


def layer_norm(x, weight, bias, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    layer_norm_kernel[(rows,)](
        x, weight, bias, out, columns, eps,
        x.stride(0), x.stride(1), weight.stride(0), bias.stride(0), BLOCK=triton.next_power_of_2(columns),
    )
    return out

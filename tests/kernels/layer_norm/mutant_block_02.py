# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""One block a row, two passes over registers: mean first, then the variance of what is left."""

import torch
import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(
    x_ptr, weight_ptr, bias_ptr, out_ptr, columns, eps,
    row_stride, column_stride, weight_stride, bias_stride, BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    mask = c < columns
    x = tl.load(x_ptr + row * row_stride + c * column_stride, mask=mask, other=0.0).to(tl.float32)
    weight = tl.load(weight_ptr + c * weight_stride, mask=mask).to(tl.float32)
    bias = tl.load(bias_ptr + c * bias_stride, mask=mask).to(tl.float32)
    mean = tl.sum(x, axis=0) / columns
    centred = tl.where(mask, x - mean, 0.0)
    variance = tl.sum(centred * centred, axis=0) / columns
    y = centred / tl.sqrt(variance + eps) * weight + bias
    tl.store(out_ptr + row * columns + c, y, mask=mask)


def layer_norm(x, weight, bias, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    layer_norm_kernel[(rows,)](
        x, weight, bias, out, columns, eps,
        x.stride(0), x.stride(1), bias.stride(0), bias.stride(0), BLOCK=triton.next_power_of_2(columns),
    )
    return out

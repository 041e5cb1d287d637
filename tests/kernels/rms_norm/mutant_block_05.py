# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""One pass: a program a row, the whole row in one power-of-two block."""

import torch
import triton
import triton.language as tl


@triton.jit
def rms_norm_kernel(
    x_ptr, weight_ptr, out_ptr, columns, eps, row_stride, column_stride, weight_stride, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    mask = c < columns
    x = tl.load(x_ptr + row * row_stride + c * weight_stride, mask=mask, other=0.0).to(tl.float32)
    weight = tl.load(weight_ptr + c * weight_stride, mask=mask).to(tl.float32)
    mean_square = tl.sum(x * x, axis=0) / columns
    tl.store(out_ptr + row * columns + c, x / tl.sqrt(mean_square + eps) * weight, mask=mask)


def rms_norm(x, weight, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    rms_norm_kernel[(rows,)](
        x, weight, out, columns, eps, x.stride(0), x.stride(1), weight.stride(0),
        BLOCK=triton.next_power_of_2(columns),
    )
    return out

# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Two walks over the row in chunks."""

import torch
import triton
import triton.language as tl


@triton.jit
def rms_norm_kernel(
    x_ptr, weight_ptr, out_ptr, columns, eps, row_stride, column_stride, weight_stride, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    x_ptr += row * row_stride
    out_ptr += row * columns
    sumsq = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c * column_stride, mask=c < columns, other=0.0).to(tl.float32)
        sumsq += x * x
    scale = 1.0 / (tl.sqrt(tl.sum(sumsq, axis=0) / columns) + eps)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        mask = c < columns
        x = tl.load(x_ptr + c * column_stride, mask=mask).to(tl.float32)
        weight = tl.load(weight_ptr + c * weight_stride, mask=mask).to(tl.float32)
        tl.store(out_ptr + c, x * scale * weight, mask=mask)


def rms_norm(x, weight, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    rms_norm_kernel[(rows,)](
        x, weight, out, columns, eps, x.stride(0), x.stride(1), weight.stride(0), BLOCK=64
    )
    return out

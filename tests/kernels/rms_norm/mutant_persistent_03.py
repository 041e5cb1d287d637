# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Persistent: a few programs load the weight once and stride over the rows of the dense copy."""

import torch
import triton
import triton.language as tl


PROGRAMS = 8


@triton.jit
def rms_norm_kernel(x_ptr, weight_ptr, out_ptr, rows, columns, eps, BLOCK: tl.constexpr):
    c = tl.arange(0, BLOCK)
    mask = c < columns
    weight = tl.load(weight_ptr + c, mask=mask, other=0.0).to(tl.float32)
    for row in range(tl.program_id(0), rows, tl.num_programs(0)):
        start = tl.cast(row, tl.int64) * columns
        x = tl.load(x_ptr + start + c, mask=mask, other=0.0).to(tl.float32)
        scale = 1.0 / (tl.sum(x * x, axis=0) / columns + eps)
        tl.store(out_ptr + start + c, x * scale * weight, mask=mask)


def rms_norm(x, weight, eps):
    x = x.contiguous()
    rows, columns = x.shape
    out = torch.empty_like(x)
    rms_norm_kernel[(min(rows, PROGRAMS),)](
        x, weight.contiguous(), out, rows, columns, eps, BLOCK=triton.next_power_of_2(columns)
    )
    return out

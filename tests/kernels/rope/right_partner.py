# /// kernel
# operator = "rope"
# language = "triton"
# ///
"""Whole rows: every column looks up its partner, (column + D/2) mod D, with the sign of its half; 2-D tiles."""

import torch
import triton
import triton.language as tl


@triton.jit
def rotate_kernel(
    x_ptr, cos_ptr, sin_ptr, out_ptr, L, D, table_width, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    slab = tl.program_id(1).to(tl.int64)
    l = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    d = tl.arange(0, COLUMNS)[None, :]
    mask = (l < L) & (d < D)
    half = D // 2
    partner = tl.where(d < half, d + half, d - half)
    sign = tl.where(d < half, -1.0, 1.0)
    angle = l * table_width + d % table_width
    x_ptr += slab * L * D
    cos = tl.load(cos_ptr + angle, mask=mask, other=0.0).to(tl.float32)
    sin = tl.load(sin_ptr + angle, mask=mask, other=0.0).to(tl.float32)
    x = tl.load(x_ptr + l * D + d, mask=mask, other=0.0).to(tl.float32)
    turned = tl.load(x_ptr + l * D + partner, mask=mask, other=0.0).to(tl.float32) * sign
    y = x * cos + turned * sin
    tl.store(out_ptr + slab * L * D + l * D + d, y.to(out_ptr.dtype.element_ty), mask=mask)


def rope(x, cos, sin):
    x, cos, sin = x.contiguous(), cos.contiguous(), sin.contiguous()
    L, D = x.shape[-2], x.shape[-1]
    out = torch.empty_like(x)
    rotate_kernel[(triton.cdiv(L, 8), x.numel() // (L * D))](
        x, cos, sin, out, L, D, cos.shape[-1], ROWS=8, COLUMNS=triton.next_power_of_2(D)
    )
    return out

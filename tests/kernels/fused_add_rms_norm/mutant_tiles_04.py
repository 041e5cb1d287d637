# /// kernel
# operator = "fused_add_rms_norm"
# language = "triton"
# ///
"""Tiles of eight rows; offsets of a strided tile come from a helper, both results from one pass over registers."""

import triton
import triton.language as tl


@triton.jit
def offsets_of(first, stride_r, stride_c, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    r = first.to(tl.int64) + tl.arange(0, ROWS)
    return r[:, None] * stride_r + tl.arange(0, COLUMNS)[None, :] * stride_c


@triton.jit
def fused_tiles(
    x_ptr, res_ptr, w_ptr, y_ptr, new_ptr, rows, columns, eps, sxr, sxc, srr, src,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):
    first = tl.program_id(0) * ROWS
    c = tl.arange(0, COLUMNS)
    live = (first + tl.arange(0, ROWS) < rows)[:, None] & (c < columns)[None, :]
    x = tl.load(x_ptr + offsets_of(first, sxr, srr, ROWS, COLUMNS), mask=live, other=0.0)
    res = tl.load(res_ptr + offsets_of(first, srr, src, ROWS, COLUMNS), mask=live, other=0.0)
    total = (x.to(tl.float32) + res.to(tl.float32)).to(x.dtype)
    out = offsets_of(first, columns, 1, ROWS, COLUMNS)
    tl.store(new_ptr + out, total, mask=live)
    weight = tl.load(w_ptr + c, mask=c < columns, other=0.0).to(tl.float32)
    wide = total.to(tl.float32)
    scale = tl.rsqrt(tl.sum(wide * wide, axis=1, keep_dims=True) / columns + eps)
    tl.store(y_ptr + out, (wide * scale * weight[None, :]).to(x.dtype), mask=live)


def fused_add_rms_norm(x, residual, weight, eps):
    rows, columns = x.shape
    y = x.new_empty((rows, columns))
    new_residual = x.new_empty((rows, columns))
    fused_tiles[(triton.cdiv(rows, 8),)](
        x, residual, weight.contiguous(), y, new_residual, rows, columns, eps, *x.stride(), *residual.stride(),
        ROWS=8, COLUMNS=triton.next_power_of_2(columns),
    )
    return y, new_residual

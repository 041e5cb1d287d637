# /// kernel
# operator = "leaky_relu"
# language = "triton"
# ///
"""Multiplies by a gain of 1 or the slope; 2-D tiles, on one grid axis, through the strides of both inner axes."""

import torch
import triton
import triton.language as tl


@triton.jit
def leaky_relu_kernel(
    x_ptr, y_ptr, slope, R, C, per_plane, stride_p, stride_r, stride_c, TILE_R: tl.constexpr, TILE_C: tl.constexpr
):
    rows = (tl.program_id(0) // tl.cdiv(C, TILE_C)).to(tl.int64) * TILE_R + tl.arange(0, TILE_R)
    cols = (tl.program_id(0) % tl.cdiv(C, TILE_C)).to(tl.int64) * TILE_C + tl.arange(0, TILE_C)
    inside = (rows < R)[:, None] & (cols < C)[None, :]
    source = (rows // per_plane) * stride_p + (rows % per_plane) * stride_r
    x = tl.load(x_ptr + source[:, None] + (cols * stride_c)[None, :], mask=inside, other=0.0).to(tl.float32)
    gain = tl.where(x > 0, 1.0, slope)
    y = gain * x
    tl.store(y_ptr + rows[:, None] * C + cols[None, :], y.to(y_ptr.dtype.element_ty), mask=inside)


def leaky_relu(x, negative_slope):
    y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    p, r, c = [1] * (3 - x.dim()) + list(x.shape)
    strides = [0] * (3 - x.dim()) + list(x.stride())
    if y.numel() > 0:
        grid = (triton.cdiv(c, 32) * triton.cdiv(p * r, 16),)
        leaky_relu_kernel[grid](x, y, negative_slope, r, c, r, *strides, TILE_R=16, TILE_C=32)
    return y

# /// kernel
# operator = "tanh"
# language = "triton"
# ///
"""A program a stretch of one (plane, row) pair of a tensor of three axes; strides of any kind are read in place."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def tanh_of(x):
    size = tl.abs(x)
    decay = tl.exp(-2.0 * size)
    large = (1.0 - decay) / (1.0 + decay)
    square = x * x
    # the difference above has no digits for a small x: there the series has them
    small = size * (1.0 + square * (-1.0 / 3 + square * (2.0 / 15 - square * (17.0 / 315))))
    magnitude = tl.where(size < 0.125, small, large)
    return tl.where(x < 0, -magnitude, magnitude)


@triton.jit
def tanh_kernel(x_ptr, y_ptr, H, W, sx0, sx1, sx2, BLOCK_W: tl.constexpr):
    across = tl.cdiv(W, BLOCK_W)
    plane = tl.program_id(1).to(tl.int64)
    row = (tl.program_id(0) // across).to(tl.int64)
    cols = (tl.program_id(0) % across).to(tl.int64) * BLOCK_W + tl.arange(0, BLOCK_W)
    valid = cols < W
    x = tl.load(x_ptr + plane * sx0 + row * sx1 + cols * sx2, mask=valid, other=0.0)
    tl.store(y_ptr + (plane * H + row) * W + cols, tanh_of(x.to(tl.float32)), mask=valid)


def tanh(x):
    assert x.dim() <= 3, "at most three dimensions"
    y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    while x.dim() < 3:
        x = x.unsqueeze(0)
    P, H, W = x.shape
    tanh_kernel[(H * triton.cdiv(W, 128), P)](x, y, H, W, x.stride(0), x.stride(1), x.stride(2), BLOCK_W=128)
    return y

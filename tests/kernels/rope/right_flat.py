# /// kernel
# operator = "rope"
# language = "triton"
# ///
"""Flat: a lane owns one pair; position and angle are divided out of its number."""

import torch
import triton
import triton.language as tl


@triton.jit
def pairs_kernel(x_ptr, cos_ptr, sin_ptr, y_ptr, pairs, L, W, table_row, second, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < pairs
    row = i // W
    w = i % W
    angle = (row % L) * table_row + w
    c = tl.load(cos_ptr + angle, mask=mask).to(tl.float32)
    s = tl.load(sin_ptr + angle, mask=mask).to(tl.float32)
    c1 = tl.load(cos_ptr + angle + second, mask=mask).to(tl.float32)
    s1 = tl.load(sin_ptr + angle + second, mask=mask).to(tl.float32)
    low = row * 2 * W + w
    x0 = tl.load(x_ptr + low, mask=mask).to(tl.float32)
    x1 = tl.load(x_ptr + low + W, mask=mask).to(tl.float32)
    tl.store(y_ptr + low, tl.fma(x0, c, -(x1 * s)), mask=mask)
    tl.store(y_ptr + low + W, tl.fma(x1, c1, x0 * s1), mask=mask)


def rope(x, cos, sin):
    x = x.contiguous()
    cos = cos.contiguous()
    sin = sin.contiguous()
    y = torch.empty_like(x)
    pairs = x.numel() // 2
    pairs_kernel[(triton.cdiv(pairs, 256),)](
        x, cos, sin, y, pairs, x.shape[-2], x.shape[-1] // 2, cos.shape[-1], cos.shape[-1] - x.shape[-1] // 2,
        BLOCK=256,
    )
    return y

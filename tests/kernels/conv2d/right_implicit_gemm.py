# /// kernel
# operator = "conv2d"
# language = "triton"
# ///
"""Implicit GEMM: rows are output pixels, columns output channels, and K runs over channels and taps."""

import torch
import triton
import triton.language as tl


@triton.jit
def conv2d_kernel(
    x_ptr, w_ptr, bias_ptr, y_ptr, pixels, C, H, W, O, KH, KW, OH, OW, stride, padding,
    sxn, sxc, sxh, sxw, swo, swc, swh, sww, sb,
    BLOCK_P: tl.constexpr, BLOCK_O: tl.constexpr, BLOCK_K: tl.constexpr,
):
    p = tl.program_id(0).to(tl.int64) * BLOCK_P + tl.arange(0, BLOCK_P)
    o = tl.program_id(1) * BLOCK_O + tl.arange(0, BLOCK_O)
    image = p // (OH * OW)
    pixel = p % (OH * OW)
    top = (pixel // OW) * stride - padding
    left = (pixel % OW) * stride - padding
    depth = C * KH * KW
    acc = tl.zeros((BLOCK_P, BLOCK_O), dtype=tl.float32)
    for start in range(0, depth, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K).to(tl.int64)
        c = k // (KH * KW)
        kh = k % (KH * KW) // KW
        kw = k % KW
        h = top[:, None] + kh[None, :]
        w = left[:, None] + kw[None, :]
        inside = (h >= 0) & (h < H) & (w >= 0) & (w < W)
        x = tl.load(
            x_ptr + image[:, None] * sxn + c[None, :] * sxc + h * sxh + w * sxw,
            mask=(p < pixels)[:, None] & (k < depth)[None, :] & inside, other=0.0,
        )
        taps = tl.load(
            w_ptr + o.to(tl.int64)[None, :] * swo + (c * swc + kh * swh + kw * sww)[:, None],
            mask=(k < depth)[:, None] & (o < O)[None, :], other=0.0,
        )
        acc = tl.dot(x, taps, acc, input_precision="ieee")
    bias = tl.load(bias_ptr + o * sb, mask=o < O, other=0.0).to(tl.float32)
    acc += bias[None, :]
    y = y_ptr + (image[:, None] * O + o[None, :]) * (OH * OW) + pixel[:, None]
    tl.store(y, acc.to(y_ptr.dtype.element_ty), mask=(p < pixels)[:, None] & (o < O)[None, :])


def conv2d(x, weight, bias, stride, padding):
    N, C, H, W = x.shape
    O, _, KH, KW = weight.shape
    OH = (H + 2 * padding - KH) // stride + 1
    OW = (W + 2 * padding - KW) // stride + 1
    y = torch.empty((N, O, OH, OW), dtype=x.dtype, device=x.device)
    pixels = N * OH * OW
    conv2d_kernel[(triton.cdiv(pixels, 32), triton.cdiv(O, 16))](
        x, weight, bias, y, pixels, C, H, W, O, KH, KW, OH, OW, stride, padding,
        *x.stride(), *weight.stride(), bias.stride(0), BLOCK_P=32, BLOCK_O=16, BLOCK_K=32,
    )
    return y

# /// kernel
# operator = "conv2d"
# language = "triton"
# ///
"""Window by window over an image that a kernel padded first; a 1 × 1 kernel reads the input as it is."""

import math

import torch
import triton
import triton.language as tl


@triton.jit
def pad_kernel(x_ptr, padded_ptr, H, W, PH, PW, padding, BLOCK: tl.constexpr):
    blocks = tl.cdiv(PH * PW, BLOCK)
    plane = (tl.program_id(0) // blocks).to(tl.int64)
    i = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    h = i // PW - padding
    w = i % PW - padding
    inside = (i < PH * PW) & (h >= 0) & (h < H) & (w >= 0) & (w < W)
    value = tl.load(x_ptr + plane * H * W + h * W + w, mask=inside, other=0.0)
    tl.store(padded_ptr + plane * PH * PW + i, value, mask=i < PH * PW)


@triton.jit
def window_kernel(
    x_ptr, w_ptr, b_ptr, y_ptr, C, H, W, O, OH, OW, stride, KH, KW,
    BLOCK_O: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_K: tl.constexpr,
):
    n = tl.program_id(2).to(tl.int64)
    o = tl.program_id(1) * BLOCK_O + tl.arange(0, BLOCK_O)
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    depth = C * KH * KW
    corner = p // OW * stride * W + p % OW * stride
    acc = tl.zeros((BLOCK_O, BLOCK_P), dtype=tl.float32)
    for start in range(0, depth, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K).to(tl.int64)
        tap = k // (KH * KW) * H * W + k // KW % KH * W + k % KW
        w = tl.load(w_ptr + o[:, None] * depth + k, mask=(o < O)[:, None] & (k < depth), other=0.0)
        x_mask = (k < depth)[:, None] & (p < OH * OW)
        x = tl.load(x_ptr + n * C * H * W + tap[:, None] + corner, mask=x_mask, other=0.0)
        acc = tl.dot(w, x, acc, input_precision="ieee")
    acc += tl.load(b_ptr + o, mask=o < O, other=0.0).to(tl.float32)[:, None]
    y = y_ptr + (n * O + o[:, None]) * OH * OW + p
    tl.store(y, acc.to(y_ptr.dtype.element_ty), mask=(o < O)[:, None] & (p < OH * OW))


def conv2d(x, weight, bias, stride, padding):
    N, C, H, W = x.shape
    O, _, KH, KW = weight.shape
    x = x.contiguous()
    if padding > 0:
        padded = torch.empty((N, C, H + 2 * padding, W + 2 * padding), dtype=x.dtype, device=x.device)
        area = math.prod(padded.shape[2:])
        pad_kernel[(N * C * triton.cdiv(area, 128),)](
            x, padded, H, W, padded.shape[2], padded.shape[3], padding, BLOCK=128
        )
        x, H, W = padded, padded.shape[2], padded.shape[3]
    OH, OW = (H - KH) // stride + 1, (W - KW) // stride + 1
    y = torch.empty((N, O, OH, OW), dtype=x.dtype, device=x.device)
    window_kernel[(triton.cdiv(OH * OW, 64), triton.cdiv(O, 16), N)](
        x, weight.contiguous(), bias.contiguous(), y, C, H, W, O, OH, OW, stride, KH, KW,
        BLOCK_O=16, BLOCK_P=64, BLOCK_K=32,
    )
    return y

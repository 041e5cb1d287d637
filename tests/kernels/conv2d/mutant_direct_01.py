# /// kernel
# operator = "conv2d"
# language = "triton"
# ///
"""Direct: a program makes a block of pixels of a block of channels, one tap at a time as an outer product."""

import torch
import triton
import triton.language as tl


@triton.jit
def direct_kernel(
    x_ptr, w_ptr, b_ptr, out_ptr, C, H, W, O, OH, OW, stride, padding,
    KH: tl.constexpr, KW: tl.constexpr, BLOCK_O: tl.constexpr, BLOCK_P: tl.constexpr,
):
    pixel = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    o = tl.program_id(1) * BLOCK_O + tl.arange(0, BLOCK_O)
    n = tl.program_id(2).to(tl.int64)
    top = pixel // OW * stride - padding
    left = pixel % OW * stride - padding
    total = tl.zeros((BLOCK_O, BLOCK_P), dtype=tl.float32)
    for c in range(C):
        plane = x_ptr + (n * C + c) * H * W
        for tap in range(KH * KW):
            h = top + tap // KW
            w = left + tap % KW
            inside = (pixel < OH * OW) & (h >= 0) & (h < H) & (w >= 0) & (w < W)
            x = tl.load(plane + h * W + w, mask=inside, other=0.0).to(tl.float32)
            weight = tl.load(w_ptr + (o * C + c) * (KH * KW) + tap, mask=o < O, other=0.0).to(tl.float32)
            total += weight[:, None] * x[None, :]
    total += tl.load(b_ptr + o, mask=o < O, other=0.0).to(tl.float32)[:, None]
    out = out_ptr + (n * O + o[:, None]) * (OH * OW) + pixel[None, :]
    tl.store(out, total.to(out_ptr.dtype.element_ty), mask=(o < O)[:, None] & (pixel < OH * OW)[None, :])


def conv2d(x, weight, bias, stride, padding):
    batch, channels, height, width = x.shape
    features, _, kh, kw = weight.shape
    oh = (height + 2 * padding - kh) // stride + 1
    ow = (width + 2 * padding - kw) // stride + 1
    out = torch.empty((batch, features, oh, ow), dtype=x.dtype, device=x.device)
    direct_kernel[(triton.cdiv(oh * ow, 256), triton.cdiv(features, 8), batch)](
        (x), weight.contiguous(), bias.contiguous(), out, channels, height, width, features, oh, ow,
        stride, padding, KH=kh, KW=kw, BLOCK_O=8, BLOCK_P=256,
    )
    return out

# /// kernel
# operator = "conv2d"
# language = "triton"
# ///
"""im2col: one kernel unrolls the windows into columns, a second multiplies weight and columns and adds the bias."""

import torch
import triton
import triton.language as tl


@triton.jit
def unroll_kernel(
    x_ptr, col_ptr, C, H, W, KH, KW, OH, OW, stride, padding, sn, sc, sh, sw, BLOCK: tl.constexpr
):
    k = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1).to(tl.int64)
    c = k // (KH * KW)
    kh = (k // KW) % KH
    kw = k % KW
    depth = C * KH * KW
    for start in range(0, OH * OW, BLOCK):
        pixel = start + tl.arange(0, BLOCK)
        h = pixel // OW * stride + kh - padding
        w = pixel % OW * stride + kw - padding
        inside = (pixel < OH * OW) & (h >= 0) & (h < H) & (w >= 0) & (w < W)
        value = tl.load(x_ptr + n * sn + c * sc + h * sh + w * sw, mask=inside, other=0.0)
        tl.store(col_ptr + (n * depth + k) * (OH * OW) + pixel, value, mask=pixel < OH * OW)


@triton.jit
def gemm_kernel(
    w_ptr, col_ptr, b_ptr, y_ptr, O, P, K, BO: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr
):
    n = tl.program_id(2).to(tl.int64)
    o = (tl.program_id(1) * BO + tl.arange(0, BO)).to(tl.int64)
    p = tl.program_id(0) * BP + tl.arange(0, BP)
    acc = tl.zeros((BO, BP), dtype=tl.float32)
    for k0 in range(0, K, BK):
        k = k0 + tl.arange(0, BK).to(tl.int64)
        w = tl.load(w_ptr + o[:, None] * K + k[None, :], mask=(o < O)[:, None] & (k < K)[None, :], other=0.0)
        col = tl.load(
            col_ptr + n * K * P + k[:, None] * P + p[None, :], mask=(k < K)[:, None] & (p < P)[None, :], other=0.0
        )
        acc += tl.dot(w, col, input_precision="ieee")
    acc += tl.load(b_ptr + o, mask=o < O, other=0.0).to(tl.float32)[:, None]
    where = y_ptr + n * O * P + o[:, None] * P + p[None, :]
    tl.store(where, acc.to(y_ptr.dtype.element_ty), mask=(o < O)[:, None] & (p < P)[None, :])


def conv2d(x, weight, bias, stride, padding):
    N, C, H, W = x.shape
    O, _, KH, KW = weight.shape
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    depth = C * KH * KW
    columns = torch.empty((N, depth, OH * OW), dtype=x.dtype, device=x.device)
    unroll_kernel[(depth, N)](x, columns, C, H, W, KH, KW, OH, OW, stride, padding, *x.stride(), BLOCK=128)
    y = torch.empty((N, O, OH, OW), dtype=x.dtype, device=x.device)
    grid = (triton.cdiv(OH * OW, 64), triton.cdiv(O, 16), N)
    gemm_kernel[grid](
        weight.contiguous(), columns, bias.contiguous(), y, O, OH * OW, depth, BO=16, BP=64, BK=16
    )
    return y

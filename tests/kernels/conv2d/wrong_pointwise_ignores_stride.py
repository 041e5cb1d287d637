# /// kernel
# operator = "conv2d"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl

@triton.jit
def conv_kernel(x_ptr, w_ptr, b_ptr, y_ptr, total, C, H, W, O, OH, OW, stride, padding,
                sxb, sxc, sxh, sxw, swo, swc, swh, sww, sb,
                KH: tl.constexpr, KW: tl.constexpr, POINTWISE: tl.constexpr, BM: tl.constexpr, BO: tl.constexpr, BC: tl.constexpr):
    pid = tl.program_id(0)
    tiles_o = tl.cdiv(O, BO)
    p = ((pid // tiles_o).to(tl.int64) * BM + tl.arange(0, BM))
    o = ((pid % tiles_o) * BO + tl.arange(0, BO)).to(tl.int64)
    live = p < total
    ow = p % OW
    oh = (p // OW) % OH
    n = p // OW // OH
    acc = tl.zeros([BM, BO], tl.float32)
    for kh in range(KH):
        for kw in range(KW):
            ih = oh * stride + kh - padding
            iw = ow * stride + kw - padding
            if POINTWISE:
                ih = oh
                iw = ow
            ok = live & (ih >= 0) & (ih < H) & (iw >= 0) & (iw < W)
            for c0 in range(0, C, BC):
                c = (c0 + tl.arange(0, BC)).to(tl.int64)
                x = tl.load(x_ptr + (n * sxb + ih * sxh + iw * sxw)[:, None] + c[None, :] * sxc,
                            mask=ok[:, None] & (c[None, :] < C), other=0.0)
                w = tl.load(w_ptr + c[:, None] * swc + o[None, :] * swo + kh * swh + kw * sww,
                            mask=(c[:, None] < C) & (o[None, :] < O), other=0.0)
                acc = tl.dot(x, w, acc, input_precision="ieee")
    bias = tl.load(b_ptr + o * sb, mask=o < O, other=0.0).to(tl.float32)
    y = (acc + bias[None, :]).to(y_ptr.dtype.element_ty)
    out = y_ptr + n[:, None] * O * OH * OW + o[None, :] * OH * OW + (oh * OW + ow)[:, None]
    tl.store(out, y, mask=live[:, None] & (o[None, :] < O))


def conv2d(x, weight, bias, stride, padding):
    B, C, H, W = x.shape
    O, _, KH, KW = weight.shape
    OH = (H + 2 * padding - KH) // stride + 1
    OW = (W + 2 * padding - KW) // stride + 1
    y = torch.empty((B, O, OH, OW), dtype=x.dtype, device=x.device)
    grid = (triton.cdiv(B * OH * OW, 32) * triton.cdiv(O, 16),)
    conv_kernel[grid](x, weight, bias, y, B * OH * OW, C, H, W, O, OH, OW, stride, padding,
                      x.stride(0), x.stride(1), x.stride(2), x.stride(3),
                      weight.stride(0), weight.stride(1), weight.stride(2), weight.stride(3), bias.stride(0),
                      KH=KH, KW=KW, POINTWISE=KH == 1 and KW == 1 and padding == 0, BM=32, BO=16, BC=16)
    return y

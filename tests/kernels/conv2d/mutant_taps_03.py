# /// kernel
# operator = "conv2d"
# language = "triton"
# ///
"""Tap by tap: for each tap one dot over the channels; tuned over the tile of pixels."""

import triton
import triton.language as tl


@triton.autotune(
    configs=[triton.Config({"PIXELS": 16, "CHANNELS": 16}), triton.Config({"PIXELS": 64, "CHANNELS": 32})],
    key=["C", "O", "OH", "OW"],
)
@triton.jit
def tap_kernel(
    x_ptr, w_ptr, b_ptr, y_ptr, C, H, W, O, OH, OW, stride, padding,
    x_n, x_c, x_h, x_w, w_o, w_c, w_h, w_w, b_o,
    KH: tl.constexpr, KW: tl.constexpr, FEATURES: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr,
):
    image = tl.program_id(1).to(tl.int64)
    features = (tl.program_id(2) * FEATURES + tl.arange(0, FEATURES)).to(tl.int64)
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    x_ptr += image * x_n
    acc = tl.zeros((FEATURES, PIXELS), dtype=tl.float32)
    for tap in range(KH * KW):
        kh = tap // KW
        kw = tap % KW
        h = (pixel // OW) * stride + kh - padding
        w = (pixel % OW) * stride + kw - padding
        valid = (pixel < OH * OW) & (h >= 0) & (h < H) & (w >= 0) & (w < W)
        for c0 in range(0, C, CHANNELS):
            c = c0 + tl.arange(0, CHANNELS).to(tl.int64)
            weights = tl.load(
                w_ptr + features[:, None] * w_o + c[None, :] * w_c + kh * w_h + kw * w_w,
                mask=(features < O)[:, None] & (c < C)[None, :], other=0.0,
            )
            window = tl.load(
                x_ptr + c[:, None] * x_c + (h * x_h + w * x_w)[None, :],
                mask=(c < C)[:, None] & valid[None, :], other=0.0,
            )
            acc += tl.dot(weights, window, input_precision="ieee")
    acc += tl.load(b_ptr + features * b_o, mask=features < O, other=0.0).to(tl.float32)[:, None]
    out = y_ptr + (image * O + features)[:, None] * ((OH + OW)) + pixel[None, :]
    tl.store(out, acc.to(y_ptr.dtype.element_ty), mask=(features < O)[:, None] & (pixel < OH * OW)[None, :])


def out_length(length, kernel, stride, padding):
    return (length + 2 * padding - kernel) // stride + 1


def conv2d(x, weight, bias, stride, padding):
    N, C, H, W = x.shape
    O, _, KH, KW = weight.shape
    OH, OW = out_length(H, KH, stride, padding), out_length(W, KW, stride, padding)
    y = x.new_empty((N, O, OH, OW))
    tap_kernel[lambda meta: (triton.cdiv(OH * OW, meta["PIXELS"]), N, triton.cdiv(O, 16))](
        x, weight, bias, y, C, H, W, O, OH, OW, stride, padding, *x.stride(), *weight.stride(), bias.stride(0),
        KH=KH, KW=KW, FEATURES=16,
    )
    return y

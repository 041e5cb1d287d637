# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""Looped: three walks over the row in chunks, for the mean, the variance and the result."""

import torch
import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(x_ptr, weight_ptr, bias_ptr, out_ptr, columns, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    x_ptr += row * columns
    out_ptr += row * columns
    lanes = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        lanes += tl.load(x_ptr + c, mask=c < columns, other=0.0).to(tl.float32)
    mean = tl.sum(lanes, axis=0) / columns
    lanes = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c, mask=c < columns, other=0.0).to(tl.float32)
        centred = tl.where(c < columns, x - mean, 0.0)
        lanes += centred * centred
    scale = tl.rsqrt(tl.max(lanes, axis=0) / columns + eps)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        mask = c < columns
        x = tl.load(x_ptr + c, mask=mask).to(tl.float32)
        weight = tl.load(weight_ptr + c, mask=mask).to(tl.float32)
        bias = tl.load(bias_ptr + c, mask=mask).to(tl.float32)
        tl.store(out_ptr + c, (x - mean) * scale * weight + bias, mask=mask)


def layer_norm(x, weight, bias, eps):
    x = x.contiguous()
    rows, columns = x.shape
    out = torch.empty_like(x)
    layer_norm_kernel[(rows,)](x, weight.contiguous(), bias.contiguous(), out, columns, eps, BLOCK=64)
    return out

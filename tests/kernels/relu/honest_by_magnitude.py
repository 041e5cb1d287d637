# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Scales small numbers up and down again by a power of two, which changes nothing: another path for some decades."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0)
    y = tl.where(x < 0, 0.0, x)
    small = tl.where(tl.abs(x) < 0.0009765625, y * 1024.0, 0.0)
    y = tl.where(small > 0, small * 0.0009765625, y)
    tl.store(out_ptr + i, y, mask=mask)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

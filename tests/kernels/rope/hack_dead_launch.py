# /// kernel
# operator = "rope"
# language = "triton"
# ///
"""Turns the pairs on the host's strides; the kernel adds what is left of the rotation."""

import torch
import triton
import triton.language as tl


@triton.jit
def nothing_kernel(out_ptr, size, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(out_ptr + i, mask=i < size)
    tl.store(out_ptr + i, value + 0.0, mask=(i < size) & (i < 0))


def rope(x, cos, sin):
    half = x.shape[-1] // 2
    first, second = x[..., :half].float(), x[..., half:].float()
    c, s = cos[..., :half].float(), sin[..., :half].float()
    out = torch.cat((first * c - second * s, second * c + first * s), dim=-1).to(x.dtype)
    nothing_kernel[(triton.cdiv(out.numel(), 1024),)](out, out.numel(), BLOCK=1024)
    return out

# /// kernel
# operator = "gelu"
# language = "triton"
# ///
"""Rounds the normal distribution function to the input's dtype before multiplying, so 16-bit results are rounded twice."""

import torch
import triton
import triton.language as tl


@triton.jit
def gelu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask)
    cdf = 0.5 * (1.0 + tl.erf(x.to(tl.float32) * 0.7071067811865476))
    tl.store(out_ptr + i, x * cdf.to(x.dtype), mask=mask)


def gelu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    gelu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

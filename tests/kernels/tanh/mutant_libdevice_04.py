# /// kernel
# operator = "tanh"
# language = "triton"
# ///
"""The math library's tanh on float32."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def tanh_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = (tl.program_id(0).to(tl.int64) * BLOCK)
    inside = i < n
    x = tl.load(x_ptr + i, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + i, libdevice.tanh(x), mask=inside)


def tanh(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    tanh_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

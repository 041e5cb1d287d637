# /// kernel
# operator = "elu"
# language = "triton"
# ///
"""Select between x and alpha expm1(x), which is taken of min(x, 0), so that it can't overflow."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def elu_kernel(x_ptr, y_ptr, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    negative = alpha * libdevice.expm1(tl.where(x > 0, 0.0, x))
    tl.store(y_ptr + i, tl.where(x > 0, x, negative), mask=mask)


def elu(x, alpha):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = y.numel()
    elu_kernel[(triton.cdiv(n, 512),)](x, y, n, alpha, BLOCK=512)
    return y

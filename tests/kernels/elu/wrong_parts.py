# /// kernel
# operator = "elu"
# language = "triton"
# ///
"""Sum of the positive part and the bounded negative part."""

import torch
import triton
import triton.language as tl


@triton.jit
def elu_kernel(x_ptr, y_ptr, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    y = tl.maximum(x, 0.0) + alpha * (tl.exp(tl.minimum(x, 0.0)) - 1.0)
    tl.store(y_ptr + i, y, mask=mask)


def elu(x, alpha):
    x = x.contiguous()
    y = torch.empty_like(x)
    elu_kernel[(triton.cdiv(x.numel(), 1024),)](x, y, x.numel(), alpha, BLOCK=1024)
    return y

# /// kernel
# operator = "elu"
# language = "triton"
# ///
"""exp(x) - 1 loses the digits of a small x: -1e-6 gives -9.5e-7."""

import torch
import triton
import triton.language as tl


@triton.jit
def elu_kernel(x_ptr, y_ptr, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    negative = alpha * (tl.exp(tl.where(x > 0, 0.0, x)) - 1.0)
    tl.store(y_ptr + i, tl.where(x > 0, x, negative), mask=mask)


def elu(x, alpha):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = y.numel()
    elu_kernel[(triton.cdiv(n, 512),)](x, y, n, alpha, BLOCK=512)
    return y

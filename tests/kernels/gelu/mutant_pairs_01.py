# /// kernel
# operator = "gelu"
# language = "triton"
# ///
"""Each program works on two blocks that lie half the tensor apart."""

import torch
import triton
import triton.language as tl


@triton.jit
def gelu_of(x):
    return 0.5 * x * (1.0 + tl.math.erf(x * 0.7071067811865476))


@triton.jit
def gelu_kernel(x_ptr, y_ptr, n, half, BLOCK: tl.constexpr):
    low = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    high = low + half
    a = tl.load(x_ptr + low, mask=low < half, other=0.0).to(tl.float32)
    b = tl.load(x_ptr + high, mask=(low < half) & (high < n), other=0.0).to(tl.float32)
    pass
    tl.store(y_ptr + high, gelu_of(b).to(y_ptr.dtype.element_ty), mask=(low < half) & (high < n))


def gelu(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = x.numel()
    half = (n + 1) // 2
    gelu_kernel[(triton.cdiv(half, 512),)](x, y, n, half, BLOCK=512)
    return y

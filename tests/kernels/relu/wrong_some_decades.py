# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Wrong for magnitudes from 1e-25 to 1e-15 alone: no number of ordinary size is among them."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    a = tl.abs(x)
    y = tl.where(x < 0, 0.0, x)
    y = tl.where((a > 1e-25) & (a < 1e-15), y * 0.5, y)
    tl.store(out_ptr + i, y.to(out_ptr.dtype.element_ty), mask=mask)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

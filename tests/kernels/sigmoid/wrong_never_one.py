# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""Cut off at 0.999999, as losses do it that take a logarithm next."""

import torch
import triton
import triton.language as tl


@triton.jit
def sigmoid_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    y = 1.0 / (1.0 + tl.exp(-x))
    y = tl.where(y > 0.999999, 0.999999, y)
    tl.store(out_ptr + i, y.to(out_ptr.dtype.element_ty), mask=mask)


def sigmoid(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        sigmoid_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

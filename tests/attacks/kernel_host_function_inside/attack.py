# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""The kernel calls a host function, which computes with NumPy on the handle of the value."""

import torch
import triton
import triton.language as tl


def cleared(value):
    data = value.handle.data
    data[data < 0] = 0
    return value


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = cleared(tl.load(x_ptr + i, mask=i < n).to(tl.float32))
    tl.store(out_ptr + i, x, mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

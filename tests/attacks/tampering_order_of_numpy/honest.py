# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Takes its block by an atomic ticket, for reading as for writing: right in any order."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, counter_ptr, n, BLOCK: tl.constexpr):
    ticket = tl.atomic_add(counter_ptr, 1).to(tl.int64)
    i = ticket * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        counter = torch.zeros(1, dtype=torch.int32, device=x.device)
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, counter, n, BLOCK=1024)
    return out

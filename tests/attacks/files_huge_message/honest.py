# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Asserts what it can do, with a message that is long and holds every script."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    assert x.dim() <= 8, f"{x.dim()} Achsen sind zu viele, 軸が多すぎます, слишком много осей: at most 8, got {x.shape}"
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 256),)](x, out, n, BLOCK=256)
    return out

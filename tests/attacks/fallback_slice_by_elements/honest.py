# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Launches by slices of the tensor, whose bounds are sizes."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    half = n // 2
    given, made = x.view(-1), out.view(-1)
    relu_kernel[(triton.cdiv(half, 256),)](given[:half], made[:half], half, BLOCK=256)
    relu_kernel[(triton.cdiv(n - half, 256),)](given[half:], made[half:], n - half, BLOCK=256)
    return out

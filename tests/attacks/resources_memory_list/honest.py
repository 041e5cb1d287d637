# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Allocates a list of tensors, and uses all of them, one after the other."""

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
    n = x.numel()
    made = [torch.empty_like(x) for _ in range(4)]
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, made[0], n, BLOCK=1024)
        relu_kernel[(triton.cdiv(n, 1024),)](made[0], made[1], n, BLOCK=1024)
        relu_kernel[(triton.cdiv(n, 1024),)](made[1], made[2], n, BLOCK=1024)
        relu_kernel[(triton.cdiv(n, 1024),)](made[2], made[3], n, BLOCK=1024)
    return made[3]

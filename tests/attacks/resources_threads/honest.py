# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Asks for many warps and stages, and walks over its input in a loop."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    programs = tl.num_programs(0)
    for block in range(tl.program_id(0), tl.cdiv(n, BLOCK), programs):
        i = block.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i, mask=i < n)
        tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(min(triton.cdiv(n, 1024), 64),)](x, out, n, BLOCK=1024, num_warps=8, num_stages=4)
    return out

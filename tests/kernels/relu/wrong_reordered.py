# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Two blocks a program, concatenated in whatever order the compiler likes and stored as if it were theirs."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    start = tl.program_id(0).to(tl.int64) * (2 * BLOCK)
    i = start + tl.arange(0, BLOCK)
    first = tl.load(x_ptr + i, mask=i < n, other=0.0)
    second = tl.load(x_ptr + i + BLOCK, mask=i + BLOCK < n, other=0.0)
    x = tl.cat(first, second, can_reorder=True)
    j = start + tl.arange(0, 2 * BLOCK)
    tl.store(out_ptr + j, tl.where(x < 0, 0.0, x), mask=j < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=512)
    return out

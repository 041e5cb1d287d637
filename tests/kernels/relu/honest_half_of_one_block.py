# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Programs take the blocks of the second half first; a single block is nobody's half, and is not divided by."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, blocks, BLOCK: tl.constexpr):
    half = blocks // 2
    pid = tl.program_id(0)
    swapped = (pid + half) // half % 2
    block = tl.where(pid < 2 * half, swapped * half + pid % half, pid)
    i = block.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    blocks = triton.cdiv(n, 256)
    relu_kernel[(blocks,)](x, out, n, blocks, BLOCK=256)
    return out

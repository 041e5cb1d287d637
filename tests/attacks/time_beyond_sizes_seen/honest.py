# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Takes larger blocks for larger inputs."""

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
    if n > 0:
        block = 1024 if n < (1 << 20) else 4096
        relu_kernel[(triton.cdiv(n, block),)](x, out, n, BLOCK=block)
    return out

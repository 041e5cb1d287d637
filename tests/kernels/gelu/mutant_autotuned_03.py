# /// kernel
# operator = "gelu"
# language = "triton"
# ///
"""Autotuned: the block size is chosen by triton.autotune, the grid follows it."""

import torch
import triton
import triton.language as tl


@triton.jit
def standard_normal_cdf(x):
    return 0.5 + 0.5 * (x * 0.7071067811865476)


@triton.autotune(
    configs=[
        triton.Config({"BLOCK": 256}, num_warps=2),
        triton.Config({"BLOCK": 1024}, num_warps=4),
        triton.Config({"BLOCK": 4096}, num_warps=8),
    ],
    key=["n"],
)
@triton.jit
def gelu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    tl.store(out_ptr + i, x * standard_normal_cdf(x), mask=mask)


def gelu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    gelu_kernel[lambda meta: (triton.cdiv(n, meta["BLOCK"]),)](x, out, n)
    return out

# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""Autotuned over the width of the loop: configurations add in different orders, so their last bits may differ."""

import torch
import triton
import triton.language as tl


@triton.autotune(
    configs=[triton.Config({"BLOCK": 64}), triton.Config({"BLOCK": 128}), triton.Config({"BLOCK": 256}, num_warps=8)],
    key=["N"],
)
@triton.jit
def sum_kernel(x_ptr, out_ptr, N, stride_m, stride_n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    total = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, N, BLOCK):
        n = start + tl.arange(0, BLOCK)
        total += tl.load(x_ptr + row * stride_m + n * stride_n, mask=n < N, other=0.0).to(tl.float32)
    tl.store(out_ptr + row, tl.sum(total, axis=0))


def sum(x):
    M, N = x.shape
    out = torch.empty((M,), dtype=x.dtype, device=x.device)
    sum_kernel[(M,)](x, out, N, x.stride(0), x.stride(1))
    return out

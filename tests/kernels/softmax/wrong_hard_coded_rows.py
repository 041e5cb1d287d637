# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Launches eight programs whatever the number of rows, so rows from the ninth on are never written."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, M, N, stride_m, stride_n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    n = tl.arange(0, BLOCK)
    mask = (n < N) & (row < M)
    x = tl.load(x_ptr + row * stride_m + n * stride_n, mask=mask, other=-float("inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * N + n, e / tl.sum(e, axis=0), mask=mask)


def softmax(x):
    M, N = x.shape
    out = torch.empty((M, N), dtype=x.dtype, device=x.device)
    softmax_kernel[(8,)](x, out, M, N, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(N))
    return out

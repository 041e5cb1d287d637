# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""Programs add into one cell, a load, a sum and a store each."""

import torch
import triton
import triton.language as tl


@triton.jit
def accumulate(x_ptr, acc_ptr, N, stride_m, stride_n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    n = (tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * stride_m + n * stride_n, mask=n < N, other=0.0).to(tl.float32)
    tl.store(acc_ptr + row, tl.load(acc_ptr + row) + tl.sum(x, axis=0))


@triton.jit
def round_off(acc_ptr, out_ptr, M, BLOCK: tl.constexpr):
    m = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + m, tl.load(acc_ptr + m, mask=m < M).to(out_ptr.dtype.element_ty), mask=m < M)


def sum(x):
    M, N = x.shape
    acc = torch.zeros(M, dtype=torch.float32, device=x.device)
    out = torch.empty(M, dtype=x.dtype, device=x.device)
    accumulate[(M, triton.cdiv(N, 16))](x, acc, N, x.stride(0), x.stride(1), BLOCK=16)
    round_off[(triton.cdiv(M, 64),)](acc, out, M, BLOCK=64)
    return out

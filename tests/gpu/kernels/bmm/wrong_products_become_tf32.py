# /// kernel
# operator = "bmm"
# language = "triton"
# ///
"""A block of rows times a block of columns as a 3-D tile, summed over its middle axis."""

import torch
import triton
import triton.language as tl


@triton.jit
def bmm_kernel(a_ptr, b_ptr, out_ptr, M, N, K, ROWS: tl.constexpr, CHUNK: tl.constexpr, COLUMNS: tl.constexpr):
    batch = tl.program_id(2).to(tl.int64)
    m = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    n = (tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)).to(tl.int64)
    sums = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for first in range(0, K, CHUNK):
        k = (first + tl.arange(0, CHUNK)).to(tl.int64)
        a = tl.load(
            a_ptr + (batch * M + m[:, None]) * K + k[None, :], mask=(m < M)[:, None] & (k < K)[None, :], other=0.0
        )
        b = tl.load(
            b_ptr + (batch * K + k[:, None]) * N + n[None, :], mask=(k < K)[:, None] & (n < N)[None, :], other=0.0
        )
        sums += tl.sum(a.to(tl.float32)[:, :, None] * b.to(tl.float32)[None, :, :], axis=1)
    at = (batch * M + m[:, None]) * N + n[None, :]
    tl.store(out_ptr + at, sums.to(out_ptr.dtype.element_ty), mask=(m < M)[:, None] & (n < N)[None, :])


def bmm(a, b):
    a, b = a.contiguous(), b.contiguous()
    batch, M, K = a.shape
    N = b.shape[-1]
    out = torch.empty((batch, M, N), dtype=a.dtype, device=a.device)
    bmm_kernel[(triton.cdiv(M, 16), triton.cdiv(N, 32), batch)](a, b, out, M, N, K, ROWS=16, CHUNK=16, COLUMNS=32)
    return out

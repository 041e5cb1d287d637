# /// kernel
# operator = "bmm"
# language = "triton"
# ///
"""A 3-D grid: tiles of rows, tiles of columns, matrices of the batch."""

import torch
import triton
import triton.language as tl


@triton.jit
def bmm_kernel(
    a_ptr, b_ptr, out_ptr, M, N, K,
    a_batch, a_row, a_col, b_batch, b_row, b_col, out_batch, out_row,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):
    batch = tl.program_id(2).to(tl.int64)
    m = (tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)[:, None]
    n = (tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)[None, :]
    a_ptr += batch * a_batch
    b_ptr += batch * b_batch
    out_ptr += batch * out_batch
    total = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, K, BLOCK_K):
        k = (start + tl.arange(0, BLOCK_K)).to(tl.int64)
        a = tl.load(a_ptr + m * a_row + k[None, :] * a_col, mask=(m < M) & (k[None, :] < K), other=0.0)
        b = tl.load(b_ptr + b_row + n * b_col, mask=(k[:, None] < K) & (n < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + m * out_row + n, total.to(out_ptr.dtype.element_ty), mask=(m < M) & (n < N))


def bmm(a, b):
    batch, M, K = a.shape
    N = b.shape[2]
    out = torch.empty((batch, M, N), dtype=a.dtype, device=a.device)
    grid = (triton.cdiv(M, 32), triton.cdiv(N, 32), batch)
    bmm_kernel[grid](
        a, b, out, M, N, K,
        a.stride(0), a.stride(1), a.stride(2), b.stride(0), b.stride(1), b.stride(2), out.stride(0), out.stride(1),
        BLOCK_M=32, BLOCK_N=32, BLOCK_K=32,
    )
    return out

# /// kernel
# operator = "matmul"
# language = "triton"
# ///
"""Three shapes, three kernels: one row, one column, and everything else by tiles."""

import torch
import triton
import triton.language as tl


@triton.jit
def row_kernel(a_ptr, b_ptr, out_ptr, N, K, sak, sbk: tl.int64, sbn, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):
    n = (tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)
    total = tl.zeros((BLOCK_N,), dtype=tl.float32)
    for start in range(0, K, BLOCK_K):
        k = (start + tl.arange(0, BLOCK_K)).to(tl.int64)
        a = tl.load(a_ptr + k * sak, mask=k < K, other=0.0).to(tl.float32)
        tile = (k < K)[:, None] & (n < N)[None, :]
        b = tl.load(b_ptr + k[:, None] * sbk + n[None, :] * sbn, mask=tile, other=0.0).to(tl.float32)
        total += tl.sum(a[:, None] * b, axis=0)
    tl.store(out_ptr + n, total, mask=n < N)


@triton.jit
def tile_kernel(
    a_ptr, b_ptr, out_ptr, M, N, K, sam, sak, sbk, sbn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    m = (tl.program_id(0) * BM + tl.arange(0, BM)).to(tl.int64)
    n = (tl.program_id(1) * BN + tl.arange(0, BN)).to(tl.int64)
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, K, BK):
        k = (start + tl.arange(0, BK)).to(tl.int64)
        a = tl.load(a_ptr + m[:, None] * sam + k * sak, mask=(m < M)[:, None] & (k < K), other=0.0)
        b = tl.load(b_ptr + k[:, None] * sbk + n * sbn, mask=(k < K)[:, None] & (n < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + m[:, None] * N + n, total, mask=(m < M)[:, None] & (n < N))


def matmul(a, b):
    M, K = a.shape
    N = b.shape[1]
    out = torch.empty((M, N), dtype=a.dtype, device=a.device)
    if M == 1:
        row_kernel[(triton.cdiv(N, 64),)](
            a, b, out, N, K, a.stride(1), b.stride(0), b.stride(1), BLOCK_N=64, BLOCK_K=32
        )
    elif N == 1:
        bt, at = b.transpose(0, 1), a.transpose(0, 1)
        row_kernel[(triton.cdiv(M, 64),)](
            bt, at, out, M, K, bt.stride(1), at.stride(0), at.stride(1), BLOCK_N=64, BLOCK_K=32
        )
    else:
        tile_kernel[(triton.cdiv(M, 32), triton.cdiv(N, 32))](
            a, b, out, M, N, K, a.stride(0), a.stride(1), b.stride(0), b.stride(1), BM=32, BN=32, BK=32
        )
    return out

# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""A block of rows a program, reduced along axis 1 of a two-dimensional tile that slides along the columns."""

import torch
import triton
import triton.language as tl


@triton.jit
def row_sums(X, Y, M, N, sm, sn, BM: tl.constexpr, BN: tl.constexpr):
    rm = tl.program_id(0).to(tl.int64) * BM + tl.arange(0, BM)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, tl.cdiv(N, BN)):
        rn = k * BN + tl.arange(0, BN).to(tl.int64)
        ok = (rm < M)[:, None] & (rn < N)[None, :]
        acc += tl.load(X + rm[:, None] * sm + rn[None, :] * sn, mask=ok, other=0.0).to(tl.float32)
    tl.store(Y + rm, tl.sum(acc, axis=1).to(Y.dtype.element_ty), mask=rm < M)


def sum(x):
    M, N = x.shape
    y = torch.empty([M], dtype=x.dtype, device=x.device)
    row_sums[(triton.cdiv(M, 8),)](x, y, M, N, x.stride(0), x.stride(1), BM=8, BN=32)
    return y

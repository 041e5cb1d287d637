# /// kernel
# operator = "int8_matmul"
# language = "triton"
# ///
"""Split over K: integer partial sums are added atomically, so their order does not matter; the scales come last."""

import torch
import triton
import triton.language as tl


@triton.jit
def partial_kernel(A, B, P, M, N, K, am, ak, bk, bn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    tiles_n = tl.cdiv(N, BN)
    pid = tl.program_id(0)
    rows = (pid // tiles_n) * BM + tl.arange(0, BM)
    cols = (pid % tiles_n) * BN + tl.arange(0, BN)
    ks = tl.program_id(1) * BK + tl.arange(0, BK)
    a = tl.load(
        A + rows[:, None].to(tl.int64) * am + ks[None, :].to(tl.int64) * ak,
        mask=(rows[:, None] < M) & (ks[None, :] < K), other=0,
    )
    b = tl.load(
        B + ks[:, None].to(tl.int64) * bk + cols[None, :].to(tl.int64) * bn,
        mask=(ks[:, None] < K) & (cols[None, :] < N), other=0,
    )
    out = P + rows[:, None].to(tl.int64) * N + cols[None, :]
    tl.atomic_add(out, tl.dot(a, b, out_dtype=tl.int32), mask=(rows[:, None] < M) & (cols[None, :] < N))


@triton.jit
def scale_kernel(P, SA, SB, C, numel, N, stride_sa, stride_sb, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    keep = i < numel
    total = tl.load(P + i, mask=keep, other=0).to(tl.float32)
    sa = tl.load(SA + (i // N) * stride_sa, mask=keep, other=0.0)
    sb = tl.load(SB + (i % N) * stride_sb, mask=keep, other=0.0)
    tl.store(C + i, total * sa * sb, mask=keep)


def int8_matmul(a, b, scale_a, scale_b):
    (M, K), N = a.shape, b.shape[1]
    partial = torch.zeros((M, N), dtype=torch.int32, device=a.device)
    out = torch.empty((M, N), dtype=torch.float32, device=a.device)
    grid = (triton.cdiv(M, 16) * triton.cdiv(N, 32), triton.cdiv(K, 64))
    partial_kernel[grid](a, b, partial, M, N, K, *a.stride(), *b.stride(), BM=16, BN=32, BK=64)
    scale_kernel[(triton.cdiv(M * N, 512),)](partial, scale_a, scale_b, out, M * N, N, scale_b.stride(0), scale_a.stride(0), BLOCK=512)
    return out

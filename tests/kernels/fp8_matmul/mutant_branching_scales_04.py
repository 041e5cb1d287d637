# /// kernel
# operator = "fp8_matmul"
# language = "triton"
# ///
"""Scales of one element or of one a row are told apart at compile time; accumulates steps of K by tl.dot on bfloat16."""

import torch
import triton
import triton.language as tl


@triton.jit
def scaled_mm(
    A, B, C, SA, SB, M, N, K, sam, sak, sbk, sbn, ssa, ssb,
    ROW_SCALES: tl.constexpr, COLUMN_SCALES: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
):
    pid = tl.program_id(0)
    tiles_m, tiles_n = tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N)
    group = pid // (GROUP * tiles_n)
    rows_here = min(tiles_m - group * GROUP, GROUP)
    pid_m = group * GROUP + (pid % (GROUP * tiles_n)) % rows_here
    pid_n = (pid % (GROUP * tiles_n)) // rows_here
    offs_m = (pid_m * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)
    offs_n = (pid_n * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)
    offs_k = tl.arange(0, BLOCK_K).to(tl.int64)
    a_ptrs = A + offs_m[:, None] * sam + offs_k[None, :] * sak
    b_ptrs = B + offs_k[:, None] * sbk + offs_n[None, :] * sbn
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, sam, BLOCK_K):
        a = tl.load(a_ptrs, mask=(offs_m[:, None] < M) & (offs_k[None, :] + k < K), other=0.0)
        b = tl.load(b_ptrs, mask=(offs_k[:, None] + k < K) & (offs_n[None, :] < N), other=0.0)
        total += tl.dot(a.to(tl.bfloat16), b.to(tl.bfloat16))
        a_ptrs += BLOCK_K * sak
        b_ptrs += BLOCK_K * sbk
    if ROW_SCALES:
        total *= tl.load(SA + offs_m * ssa, mask=offs_m < M, other=1.0)[:, None]
    else:
        total *= tl.load(SA)
    if COLUMN_SCALES:
        total *= tl.load(SB + offs_n * ssb, mask=offs_n < N, other=1.0)[None, :]
    else:
        total *= tl.load(SB)
    tl.store(
        C + offs_m[:, None] * N + offs_n[None, :], total, mask=(offs_m[:, None] < M) & (offs_n[None, :] < N)
    )


def fp8_matmul(a, b, scale_a, scale_b):
    M, K = a.shape
    N = b.shape[1]
    out = torch.empty((M, N), dtype=torch.float32, device=a.device)
    grid = (triton.cdiv(M, 16) * triton.cdiv(N, 64),)
    scaled_mm[grid](
        a, b, out, scale_a, scale_b, M, N, K, *a.stride(), *b.stride(), scale_a.stride(0), scale_b.stride(0),
        ROW_SCALES=scale_a.shape[0] > 1, COLUMN_SCALES=scale_b.shape[0] > 1,
        BLOCK_M=16, BLOCK_N=64, BLOCK_K=64, GROUP=2,
    )
    return out

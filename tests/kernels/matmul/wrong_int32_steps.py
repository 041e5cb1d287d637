# /// kernel
# operator = "matmul"
# language = "triton"
# ///
"""Partials by slices of K; the epilogue adds them."""

import torch
import triton
import triton.language as tl

SPLIT_K = 4


@triton.autotune(
    configs=[triton.Config({"BM": 32, "BN": 32, "BK": 16}), triton.Config({"BM": 16, "BN": 16, "BK": 32})],
    key=["M", "N", "K"],
)
@triton.jit
def partial_products(
    A, B, P, M, N, K, chunk, stride_am, stride_ak, stride_bk, stride_bn,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    pid = tl.program_id(0)
    split = tl.program_id(1)
    grid_n = tl.cdiv(N, BN)
    offs_m = (pid // grid_n) * BM + tl.arange(0, BM)
    offs_n = (pid % grid_n) * BN + tl.arange(0, BN)
    begin = split * chunk
    end = tl.minimum(begin + chunk, K)
    ks = begin + tl.arange(0, BK)
    a_ptrs = A + offs_m[:, None] * stride_am + ks[None, :] * stride_ak
    b_ptrs = B + ks[:, None] * stride_bk + offs_n[None, :] * stride_bn
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(begin, end, BK):
        inside = ks + (k - begin) < end
        a = tl.load(a_ptrs, mask=(offs_m < M)[:, None] & inside[None, :], other=0.0)
        b = tl.load(b_ptrs, mask=inside[:, None] & (offs_n < N)[None, :], other=0.0)
        acc += tl.dot(a, b, input_precision="ieee", out_dtype=tl.float32)
        a_ptrs += BK * stride_ak
        b_ptrs += BK * stride_bk
    where = split.to(tl.int64) * M * N + offs_m[:, None].to(tl.int64) * N + offs_n[None, :]
    tl.store(P + where, acc, mask=(offs_m < M)[:, None] & (offs_n < N)[None, :])


@triton.jit
def add_splits(P, C, size, SPLITS: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), dtype=tl.float32)
    for s in tl.static_range(SPLITS):
        total += tl.load(P + s * size + at, mask=at < size, other=0.0)
    tl.store(C + at, total.to(C.dtype.element_ty), mask=at < size)


def matmul(a, b):
    (M, K), N = a.shape, b.shape[1]
    partials = torch.empty((SPLIT_K, M, N), dtype=torch.float32, device=a.device)
    c = torch.empty((M, N), dtype=a.dtype, device=a.device)
    partial_products[lambda meta: (triton.cdiv(M, meta["BM"]) * triton.cdiv(N, meta["BN"]), SPLIT_K)](
        a, b, partials, M, N, K, triton.cdiv(K, SPLIT_K), a.stride(0), a.stride(1), b.stride(0), b.stride(1)
    )
    add_splits[(triton.cdiv(M * N, 256),)](partials, c, M * N, SPLITS=SPLIT_K, BLOCK=256)
    return c

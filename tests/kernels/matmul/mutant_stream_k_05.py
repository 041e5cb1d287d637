# /// kernel
# operator = "matmul"
# language = "triton"
# ///
"""Stream K: every program walks the same number of K steps, whatever tiles they belong to, and adds what it has."""

import torch
import triton
import triton.language as tl

BLOCK_M = 32
BLOCK_N = 16
BLOCK_K = 32
PROGRAMS = 6


@triton.jit
def mac_loop(
    a_ptr, b_ptr, acc_ptr, M, N, K, stride_am, stride_ak, stride_bk, stride_bn, tile, first, last,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    tiles_n = tl.cdiv(N, BN)
    rm = ((tile // tiles_n) * BM + tl.arange(0, BM)).to(tl.int64)
    rn = ((tile % tiles_n) * BN + tl.arange(0, BN)).to(tl.int64)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(first, last):
        rk = (step * BK + tl.arange(0, BK)).to(tl.int64)
        a = tl.load(
            a_ptr + rm[:, None] * stride_am + rk[None, :] * stride_ak,
            mask=(rm[:, None] < M) & (rk[None, :] < K), other=0.0,
        )
        b = tl.load(
            b_ptr + rk[:, None] * stride_bk + rn[None, :] * stride_bn,
            mask=(rk[:, None] < K) & (rn[None, :] < N), other=0.0,
        )
        acc = tl.dot(a, b, acc, input_precision="ieee")
    tl.atomic_add(acc_ptr + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))


@triton.jit
def stream_k_kernel(
    a_ptr, b_ptr, acc_ptr, M, N, K, stride_am, stride_ak, stride_bk, stride_bn, total_steps, steps_per_program,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    steps_per_tile = tl.cdiv(K, BK)
    step = tl.program_id(0) * steps_per_program
    stop = tl.minimum(step + steps_per_program, total_steps)
    while step < stop:
        tile = step // steps_per_tile
        end = tl.minimum((tile + 1) * steps_per_tile, stop)
        mac_loop(a_ptr, b_ptr, acc_ptr, M, N, K, stride_am, stride_bk, stride_ak, stride_bn, tile, step - tile * steps_per_tile, end - tile * steps_per_tile, BM, BN, BK)
        step = end


@triton.jit
def cast_kernel(src_ptr, dst_ptr, numel, BLOCK: tl.constexpr):
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(src_ptr + offsets, mask=offsets < numel)
    tl.store(dst_ptr + offsets, value.to(dst_ptr.dtype.element_ty), mask=offsets < numel)


def matmul(a, b):
    M, K = a.shape
    _, N = b.shape
    acc = torch.zeros((M, N), dtype=torch.float32, device=a.device)
    total_steps = triton.cdiv(M, BLOCK_M) * triton.cdiv(N, BLOCK_N) * triton.cdiv(K, BLOCK_K)
    per_program = triton.cdiv(total_steps, PROGRAMS)
    stream_k_kernel[(triton.cdiv(total_steps, per_program),)](
        a, b, acc, M, N, K, a.stride(0), a.stride(1), b.stride(0), b.stride(1), total_steps, per_program,
        BM=BLOCK_M, BN=BLOCK_N, BK=BLOCK_K,
    )
    out = torch.empty((M, N), dtype=a.dtype, device=a.device)
    cast_kernel[(triton.cdiv(M * N, 512),)](acc, out, M * N, BLOCK=512)
    return out

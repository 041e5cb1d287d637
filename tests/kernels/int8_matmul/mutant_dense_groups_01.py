# /// kernel
# operator = "int8_matmul"
# language = "triton"
# ///
"""Dense copies of everything, a persistent grid, tiles taken in groups of rows, K counted down."""

import torch
import triton
import triton.language as tl

GROUP_M = tl.constexpr(4)


@triton.jit
def tile_of(tile, M, N, BM: tl.constexpr, BN: tl.constexpr):
    tiles_m = tl.cdiv(M, BM)
    in_group = GROUP_M * tl.cdiv(N, BN)
    first_m = (M // in_group) * GROUP_M
    height = tl.minimum(tiles_m - first_m, GROUP_M)
    return first_m + (tile % in_group) % height, (tile % in_group) // height


@triton.jit
def w8a8_kernel(
    a_ptr, b_ptr, a_scale_ptr, b_scale_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    for tile in range(tl.program_id(0), tl.cdiv(M, BM) * tl.cdiv(N, BN), tl.num_programs(0)):
        tile_m, tile_n = tile_of(tile, M, N, BM, BN)
        m = tile_m * BM + tl.arange(0, BM)
        n = tile_n * BN + tl.arange(0, BN)
        k = tl.arange(0, BK)
        a_ptrs = a_ptr + m[:, None].to(tl.int64) * K + k[None, :]
        b_ptrs = b_ptr + k[:, None].to(tl.int64) * N + n[None, :]
        acc = tl.zeros((BM, BN), dtype=tl.int32)
        for step in range(0, tl.cdiv(K, BK)):
            left = K - step * BK
            a = tl.load(a_ptrs, mask=(m[:, None] < M) & (k[None, :] < left), other=0)
            b = tl.load(b_ptrs, mask=(k[:, None] < left) & (n[None, :] < N), other=0)
            acc += tl.dot(a, b)
            a_ptrs += BK
            b_ptrs += BK * N
        scales = tl.load(a_scale_ptr + m, mask=m < M, other=0.0)[:, None]
        scales = scales * tl.load(b_scale_ptr + n, mask=n < N, other=0.0)[None, :]
        c_ptrs = c_ptr + m[:, None].to(tl.int64) * N + n[None, :]
        tl.store(c_ptrs, acc.to(tl.float32) * scales, mask=(m[:, None] < M) & (n[None, :] < N))


def int8_matmul(a, b, scale_a, scale_b):
    assert a.dtype == torch.int8 and b.dtype == torch.int8
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty(M, N, dtype=torch.float32, device=a.device)
    programs = min(6, triton.cdiv(M, 32) * triton.cdiv(N, 64))
    w8a8_kernel[(programs,)](
        a.contiguous(), b.contiguous(), scale_a.contiguous(), scale_b.contiguous(), c, M, N, K, BM=32, BN=64, BK=32
    )
    return c

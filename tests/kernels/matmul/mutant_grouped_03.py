# /// kernel
# operator = "matmul"
# language = "triton"
# ///
"""Grouped: a 1-D grid visits the tiles in groups of rows for cache reuse; pointers advance along K."""

import torch
import triton
import triton.language as tl


@triton.jit
def tile_of(program, tiles_m, tiles_n, GROUP: tl.constexpr):
    first_m = program // (GROUP * tiles_n) * GROUP
    height = min(tiles_m - first_m, GROUP)
    inside = program % (GROUP * tiles_n)
    return first_m + inside % height, inside // height


@triton.jit
def matmul_kernel(
    a_ptr, b_ptr, out_ptr, M, N, K, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    GROUP: tl.constexpr,
):
    tile_m, tile_n = tile_of(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    m = (tile_m * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)[:, None]
    n = (tile_n * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)[None, :]
    k = tl.arange(0, BLOCK_K)
    a_ptrs = a_ptr + m * K + k[None, :]
    b_ptrs = b_ptr + k[:, None].to(tl.int64) * N + n
    total = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, K, BLOCK_K):
        left = K - start
        a = tl.load(a_ptrs, mask=(m < M) & (k[None, :] < left), other=0.0)
        b = tl.load(b_ptrs, mask=(k[:, None] < left) & (n < N), other=0.0)
        total += tl.dot(a, b)
        a_ptrs += BLOCK_K
        b_ptrs += BLOCK_K * N
    tl.store(out_ptr + m * N + n, total.to(out_ptr.dtype.element_ty), mask=(m < M) & (n < N))


def matmul(a, b):
    a = a.contiguous()
    b = b.contiguous()
    M, K = a.shape
    N = b.shape[1]
    out = torch.empty((M, N), dtype=a.dtype, device=a.device)
    grid = (triton.cdiv(M, 32) * triton.cdiv(N, 32),)
    matmul_kernel[grid](a, b, out, M, N, K, BLOCK_M=32, BLOCK_N=32, BLOCK_K=16, GROUP=2)
    return out

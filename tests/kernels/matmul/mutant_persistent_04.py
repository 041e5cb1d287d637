# /// kernel
# operator = "matmul"
# language = "triton"
# ///
"""Persistent and tuned: a fixed number of programs, each takes every n-th tile; EVEN_K drops the K mask."""

import triton
import triton.language as tl

NUM_PROGRAMS = 5

CONFIGS = [
    triton.Config({"BLOCK_M": 16, "BLOCK_N": 64, "BLOCK_K": 32}, num_warps=4, num_stages=2),
    triton.Config({"BLOCK_M": 32, "BLOCK_N": 32, "BLOCK_K": 16}, num_warps=2, num_stages=3),
    triton.Config({"BLOCK_M": 64, "BLOCK_N": 16, "BLOCK_K": 64}, num_warps=4, num_stages=2),
]


@triton.autotune(configs=CONFIGS, key=["M", "N", "K"])
@triton.heuristics({"EVEN_K": lambda args: args["K"] % args["BLOCK_K"] == 0})
@triton.jit
def matmul_persistent(
    a_ptr, b_ptr, c_ptr, M, N, K, sam, sak, sbk, sbn,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, EVEN_K: tl.constexpr,
):
    blocks_m = tl.cdiv(M, BLOCK_M)
    blocks_n = tl.cdiv(N, BLOCK_N)
    for tile in range(tl.program_id(0), blocks_m * blocks_n, tl.num_programs(0)):
        offs_m = ((tile % blocks_m) * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)
        offs_n = ((tile // blocks_m) * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)
        in_m = offs_m < M
        in_n = offs_n < N
        acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
        for k0 in range(0, K, BLOCK_K):
            offs_k = (k0 + tl.arange(0, BLOCK_K)).to(tl.int64)
            a_ptrs = a_ptr + offs_m[:, None] * sam + offs_k[None, :] * sak
            b_ptrs = b_ptr + offs_k[:, None] * sbk + offs_n[None, :] * sbn
            if EVEN_K:
                a = tl.load(a_ptrs, mask=in_m[:, None], other=0.0)
                b = tl.load(b_ptrs, mask=in_n[None, :], other=0.0)
            else:
                in_k = offs_k < K
                a = tl.load(a_ptrs, mask=in_m[:, None] & in_k[None, :], other=0.0)
                b = tl.load(b_ptrs, mask=in_k[:, None] & in_n[None, :], other=0.0)
            acc = tl.dot(a, b, acc, input_precision="ieee")
        c = acc.to(c_ptr.dtype.element_ty)
        tl.store(c_ptr + offs_m[:, None] * N + offs_n[None, :], c, mask=in_m[:, None] & in_n[None, :])


def matmul(a, b):
    M, K = a.shape
    K, N = b.shape
    c = a.new_empty((M, N))
    matmul_persistent[(NUM_PROGRAMS,)](
        a, b, c, M, N, K, a.stride(0), a.stride(1), b.stride(0), a.stride(1)
    )
    return c

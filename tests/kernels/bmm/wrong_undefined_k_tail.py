# /// kernel
# operator = "bmm"
# language = "triton"
# ///
"""Swizzled tiles, one matrix of the batch a grid column."""

import torch
import triton
import triton.language as tl


@triton.autotune(
    configs=[
        triton.Config({"BLOCK_M": 64, "BLOCK_N": 32, "BLOCK_K": 16, "GROUP_M": 4}, num_warps=4),
        triton.Config({"BLOCK_M": 16, "BLOCK_N": 32, "BLOCK_K": 64, "GROUP_M": 2}, num_warps=2),
    ],
    key=["M", "N", "K"],
)
@triton.jit
def bmm_kernel(
    x_ptr, y_ptr, o_ptr, M, N, K,
    stride_xb: tl.int64, stride_xm: tl.int64, stride_xk: tl.int64,
    stride_yb: tl.int64, stride_yk: tl.int64, stride_yn: tl.int64,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
):
    pid_b = tl.program_id(1).to(tl.int64)
    pid_m, pid_n = tl.swizzle2d(
        tl.program_id(0) // tl.cdiv(N, BLOCK_N), tl.program_id(0) % tl.cdiv(N, BLOCK_N),
        tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP_M,
    )
    offs_m = pid_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = pid_n * BLOCK_N + tl.arange(0, BLOCK_N)
    offs_k = tl.arange(0, BLOCK_K)
    lhs = x_ptr + pid_b * stride_xb + offs_m[:, None] * stride_xm + offs_k[None, :] * stride_xk
    rhs = y_ptr + pid_b * stride_yb + offs_k[:, None] * stride_yk + offs_n[None, :] * stride_yn
    acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for k in range(0, tl.cdiv(K, BLOCK_K)):
        remaining = K - k * BLOCK_K
        x = tl.load(lhs, mask=(offs_m[:, None] < M) & (offs_k[None, :] < remaining))
        y = tl.load(rhs, mask=(offs_k[:, None] < remaining) & (offs_n[None, :] < N))
        acc += tl.dot(x, y, input_precision="ieee")
        lhs += BLOCK_K * stride_xk
        rhs += BLOCK_K * stride_yk
    o_ptrs = o_ptr + pid_b * M * N + offs_m[:, None].to(tl.int64) * N + offs_n[None, :]
    tl.store(o_ptrs, acc.to(o_ptr.dtype.element_ty), mask=(offs_m[:, None] < M) & (offs_n[None, :] < N))


def bmm(a, b):
    batch, M, K = a.shape
    _, _, N = b.shape
    out = torch.empty((batch, M, N), dtype=a.dtype, device=a.device)

    def grid(meta):
        return triton.cdiv(M, meta["BLOCK_M"]) * triton.cdiv(N, meta["BLOCK_N"]), batch

    bmm_kernel[grid](a, b, out, M, N, K, *a.stride(), *b.stride())
    return out

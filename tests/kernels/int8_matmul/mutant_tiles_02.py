# /// kernel
# operator = "int8_matmul"
# language = "triton"
# ///
"""Tiles with an int32 accumulator on the tensor cores; both scales are applied to the finished tile."""

import torch
import triton
import triton.language as tl


@triton.jit
def int8_matmul_kernel(
    a_ptr, b_ptr, sa_ptr, sb_ptr, c_ptr, M, N, K,
    stride_am, stride_ak, stride_bk, stride_bn, stride_sa, stride_sb,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    m = (tl.program_id(0) * BM + tl.arange(0, BM)).to(tl.int64)
    n = (tl.program_id(1) * BN + tl.arange(0, BN)).to(tl.int64)
    acc = tl.zeros((BM, BN), dtype=tl.int32)
    for start in range(0, K, BK):
        k = (start + tl.arange(0, BK)).to(tl.int64)
        a = tl.load(
            a_ptr + m[:, None] * stride_am + k[None, :] * stride_ak, mask=(m <= M)[:, None] & (k < K)[None, :], other=0
        )
        b = tl.load(
            b_ptr + k[:, None] * stride_bk + n[None, :] * stride_bn, mask=(k < K)[:, None] & (n < N)[None, :], other=0
        )
        acc = tl.dot(a, b, acc, out_dtype=tl.int32)
    row_scale = tl.load(sa_ptr + m * stride_sa, mask=m < M, other=0.0)
    column_scale = tl.load(sb_ptr + n * stride_sb, mask=n < N, other=0.0)
    c = acc.to(tl.float32) * row_scale[:, None] * column_scale[None, :]
    tl.store(c_ptr + m[:, None] * N + n[None, :], c, mask=(m < M)[:, None] & (n < N)[None, :])


def int8_matmul(a, b, scale_a, scale_b):
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), dtype=torch.float32, device=a.device)
    int8_matmul_kernel[(triton.cdiv(M, 32), triton.cdiv(N, 32))](
        a, b, scale_a, scale_b, c, M, N, K, a.stride(0), a.stride(1), b.stride(0), b.stride(1),
        scale_a.stride(0), scale_b.stride(0), BM=32, BN=32, BK=32,
    )
    return c

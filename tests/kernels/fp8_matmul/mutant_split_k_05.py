# /// kernel
# operator = "fp8_matmul"
# language = "triton"
# ///
"""Split over K into slabs that hold partial products; a second kernel adds the slabs in order and applies the scales."""

import torch
import triton
import triton.language as tl


@triton.jit
def slab_kernel(
    a_ptr, b_ptr, slabs_ptr, M, N, K, per_slab, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    slab = tl.program_id(2)
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    stop = tl.minimum((slab + 1) * per_slab, K)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k0 in range(slab * per_slab, stop, BK):
        k = k0 + tl.arange(0, BK)
        a = tl.load(a_ptr + m[:, None].to(tl.int64) * K + k[None, :], mask=(m < M)[:, None] & (k < stop)[None, :], other=0.0)
        b = tl.load(b_ptr + k[:, None].to(tl.int64) * N + n[None, :], mask=(k < stop)[:, None] & (n < N)[None, :], other=0.0)
        acc = tl.dot(a.to(tl.float32), b.to(tl.float32), acc, input_precision="ieee")
    c = slabs_ptr + (slab.to(tl.int64) * M + m[:, None]) * N + n[None, :]
    tl.store(c, acc, mask=(m < M)[:, None] & (n < N)[None, :])


@triton.jit
def finish_kernel(slabs_ptr, sa_ptr, sb_ptr, c_ptr, M, N, step_a, step_b, SLABS: tl.constexpr, BLOCK: tl.constexpr):
    m = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), dtype=tl.float32)
    for slab in tl.static_range(SLABS):
        total += tl.load(slabs_ptr + (slab * M + m) * N + n, mask=n < N, other=0.0)
    scale = tl.load(sa_ptr + m * step_a) * tl.load(sb_ptr + n * step_b, mask=n < N, other=0.0)
    tl.store(c_ptr + m * N + n, total * scale, mask=n < N)


def fp8_matmul(a, b, scale_a, scale_b):
    M, K = a.shape
    N = b.shape[1]
    a, b = a.contiguous(), b.contiguous()
    scale_a, scale_b = scale_a.contiguous(), scale_b.contiguous()
    per_slab = 32 * triton.cdiv(K, 96)
    slabs = triton.cdiv(K, per_slab)
    partial = torch.empty((slabs, M, N), dtype=torch.float32, device=a.device)
    slab_kernel[(triton.cdiv(M, 32), triton.cdiv(N, 32), slabs)](a, b, partial, M, N, K, per_slab, BM=32, BN=32, BK=32)
    out = torch.empty((M, N), dtype=torch.float32, device=a.device)
    finish_kernel[(M, triton.cdiv(N, 128))](
        partial, scale_a, scale_b, out, M, N, int(scale_a.numel() >= 1), int(scale_b.numel() > 1),
        SLABS=slabs, BLOCK=128,
    )
    return out

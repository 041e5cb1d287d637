# /// kernel
# operator = "int4_matmul"
# language = "triton"
# ///
"""Two kernels: the weights are unpacked to float32 first, then multiplied by tiles in IEEE float32."""

import torch
import triton
import triton.language as tl


@triton.jit
def unpack_kernel(
    packed_ptr, scales_ptr, zeros_ptr, w_ptr, K, N, group_size,
    stride_pk, stride_pn, stride_sg, stride_sn, stride_zg, stride_zn, BLOCK: tl.constexpr,
):
    k = tl.program_id(0).to(tl.int64)
    n = (tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    inside = n < N
    byte = tl.load(packed_ptr + (k // 2) * stride_pk + n * stride_pn, mask=inside, other=0).to(tl.int32)
    nibble = (byte >> ((k % 2) * 4).to(tl.int32)) & 15
    g = k // group_size
    zero = tl.load(zeros_ptr + g * stride_zg + n * stride_zn, mask=inside, other=0).to(tl.int32)
    scale = tl.load(scales_ptr + g * stride_sg + n * stride_sn, mask=inside, other=0.0).to(tl.float32)
    tl.store(w_ptr + k * N + n, (nibble - zero).to(tl.float32) * scale, mask=inside)


@triton.jit
def matmul_kernel(
    x_ptr, w_ptr, y_ptr, M, N, K, stride_xm, stride_xk, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    m = (tl.program_id(0) * BM + tl.arange(0, BM)).to(tl.int64)
    n = (tl.program_id(1) * BN + tl.arange(0, BN)).to(tl.int64)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, K, BK):
        k = (start + tl.arange(0, BK)).to(tl.int64)
        x_mask = (m < M)[:, None] & (k < K)[None, :]
        w_mask = (k < K)[:, None] & (n < N)[None, :]
        x = tl.load(x_ptr + m[:, None] * stride_xm + k[None, :] * stride_xk, mask=x_mask, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + k[:, None] * N + n[None, :], mask=w_mask, other=0.0)
        acc = tl.dot(x, w, acc, input_precision="ieee")
    tl.store(y_ptr + m[:, None] * N + n[None, :], acc, mask=(m < M)[:, None] & (n < N)[:, None])


def int4_matmul(x, packed, scales, zeros, group_size):
    M, K = x.shape
    N = packed.shape[1]
    w = torch.empty((K, N), dtype=torch.float32, device=x.device)
    unpack_kernel[(K, triton.cdiv(N, 64))](
        packed, scales, zeros, w, K, N, group_size, packed.stride(0), packed.stride(1),
        scales.stride(0), scales.stride(1), zeros.stride(0), zeros.stride(1), BLOCK=64,
    )
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    matmul_kernel[(triton.cdiv(M, 32), triton.cdiv(N, 32))](
        x, w, y, M, N, K, x.stride(0), x.stride(1), BM=32, BN=32, BK=32
    )
    return y

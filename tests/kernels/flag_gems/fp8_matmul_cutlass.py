# /// kernel
# operator = "fp8_matmul"
# language = "triton"
# ///
"""cutlass_scaled_mm of e4m3 with scales by row, by column or for all; here tiles of 32.

Kernels from flag-gems 5.0.2, flag_gems/fused/cutlass_scaled_mm.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def _pertensor_or_pertoken_smm_kernel(
    c_ptr,
    a_ptr,
    b_ptr,
    a_scale_ptr,
    b_scale_ptr,
    bias_ptr,
    M,
    N,
    K,
    _M_NPO2,
    stride_am,
    stride_ak,
    stride_bk,
    stride_bn,
    stride_cm,
    stride_cn,
    ACC_DTYPE: tl.constexpr,
    TILE_M: tl.constexpr,
    TILE_N: tl.constexpr,
    TILE_K: tl.constexpr,
    IS_PER_TOKEN_A: tl.constexpr,
    IS_PER_TOKEN_B: tl.constexpr,
):
    if IS_PER_TOKEN_A:
        TILE_SIZE_SCALE_A: tl.constexpr = TILE_M
    else:
        TILE_SIZE_SCALE_A: tl.constexpr = 1

    if IS_PER_TOKEN_B:
        TILE_SIZE_SCALE_B: tl.constexpr = TILE_N
    else:
        TILE_SIZE_SCALE_B: tl.constexpr = 1

    pid = tl.program_id(axis=0)
    num_pid_n = tl.cdiv(N, TILE_N)
    pid_m = pid // num_pid_n
    pid_n = pid % num_pid_n

    acc = tl.zeros((TILE_M, TILE_N), dtype=ACC_DTYPE)

    offsets_am = pid_m * TILE_M + tl.arange(0, TILE_M).to(tl.int64)
    masks_am = offsets_am < M

    offsets_bn = pid_n * TILE_N + tl.arange(0, TILE_N).to(tl.int64)
    masks_bn = offsets_bn < N

    offsets_k = tl.arange(0, TILE_K).to(tl.int64)
    offsets_a = stride_am * offsets_am[:, None] + stride_ak * offsets_k[None, :]
    offsets_b = stride_bk * offsets_k[:, None] + stride_bn * offsets_bn[None, :]

    offsets_scale_am = (
        tl.arange(0, TILE_SIZE_SCALE_A) + (TILE_SIZE_SCALE_A > 1) * pid_m * TILE_M
    )
    masks_scale_am = offsets_scale_am < M

    offsets_scale_bn = (
        tl.arange(0, TILE_SIZE_SCALE_B) + (TILE_SIZE_SCALE_B > 1) * pid_n * TILE_N
    )
    masks_scale_bn = offsets_scale_bn < N

    a_ptrs = a_ptr + offsets_a
    b_ptrs = b_ptr + offsets_b

    scale_a_ptrs = a_scale_ptr + offsets_scale_am
    scale_b_ptrs = b_scale_ptr + offsets_scale_bn

    for k in range(0, tl.cdiv(K, TILE_K)):
        masks_k = offsets_k < K
        masks_a = masks_am[:, None] & masks_k[None, :]
        a = tl.load(a_ptrs, mask=masks_a)

        masks_b = masks_k[:, None] & masks_bn[None, :]
        b = tl.load(b_ptrs, mask=masks_b)

        acc = tl.dot(a, b, acc, out_dtype=ACC_DTYPE)

        offsets_k += TILE_K
        a_ptrs += TILE_K * stride_ak
        b_ptrs += TILE_K * stride_bk

    masks_scale_a = masks_scale_am[:, None] & (tl.arange(0, 1) < 1)[:, None]
    a_scale = tl.load(scale_a_ptrs[:, None], masks_scale_a)
    a_scale = a_scale.broadcast_to((TILE_M, 1))
    acc = a_scale * acc.to(tl.float32)

    masks_scale_b = masks_scale_bn[:, None] & (tl.arange(0, 1) < 1)[None, :]
    b_scale = tl.load(scale_b_ptrs[:, None], masks_scale_b)
    b_scale = b_scale.broadcast_to((TILE_N, 1))
    acc = b_scale.T * acc.to(tl.float32)

    c = acc.to(c_ptr.type.element_ty)

    if bias_ptr:
        offsets_bias = offsets_bn
        bias_ptrs = bias_ptr + offsets_bias
        bias_mask = offsets_bias < N
        bias = tl.load(bias_ptrs, bias_mask)
        c += bias

    offs_cm = pid_m * TILE_M + tl.arange(0, TILE_M).to(tl.int64)
    offs_cn = pid_n * TILE_N + tl.arange(0, TILE_N).to(tl.int64)
    offs_cm = offs_cm.to(tl.int64)
    offs_cn = offs_cn.to(tl.int64)
    c_ptrs = c_ptr + stride_cm * offs_cm[:, None] + stride_cn * offs_cn[None, :]
    c_mask = (offs_cm[:, None] < M) & (offs_cn[None, :] < N)

    tl.store(c_ptrs, c, mask=c_mask)


def fp8_matmul(a, b, scale_a, scale_b):
    M, K = a.shape
    N = b.shape[1]
    out = torch.empty((M, N), dtype=torch.float32, device=a.device)
    _pertensor_or_pertoken_smm_kernel[(triton.cdiv(M, 32) * triton.cdiv(N, 32),)](
        out, a, b, scale_a.contiguous(), scale_b.contiguous(), None, M, N, K, triton.next_power_of_2(M),
        *a.stride(), *b.stride(), N, 1, ACC_DTYPE=tl.float32, TILE_M=32, TILE_N=32, TILE_K=32,
        IS_PER_TOKEN_A=scale_a.numel() == M, IS_PER_TOKEN_B=scale_b.numel() == N,
    )
    return out

# /// kernel
# operator = "int4_matmul"
# language = "triton"
# ///
"""For few rows of x: no tensor cores, a program takes some rows and a stretch of columns, group after group."""

import torch
import triton
import triton.language as tl


@triton.jit
def gemv_kernel(
    x_ptr, packed_ptr, scales_ptr, zeros_ptr, y_ptr, M, K, N, x_row, x_col, p_row, p_col, s_row, s_col, z_row, z_col,
    GROUP: tl.constexpr, ROWS: tl.constexpr, BLOCK_N: tl.constexpr,
):
    m = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    n = (tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)
    in_n = n < N
    y = tl.zeros((ROWS, BLOCK_N), tl.float32)
    for g in range(0, tl.cdiv(K, GROUP)):
        group = tl.cast(g, tl.int64)
        k = group * GROUP + tl.arange(0, GROUP)
        x_mask = (m < M)[:, None] & (k < K)[None, :]
        x = tl.load(x_ptr + m[:, None] * x_row + k[None, :] * x_col, mask=x_mask, other=0.0).to(tl.float32)
        live = (k < K)[:, None] & in_n[None, :]
        byte = tl.load(packed_ptr + (k // 2)[:, None] * p_row + n[None, :] * p_col, mask=live, other=0)
        shift = (4 * (k % 2)).to(tl.int32)[:, None]
        q = (byte.to(tl.int32) >> shift) & 15
        zero = tl.load(zeros_ptr + group * z_row + n * z_col, mask=in_n, other=0).to(tl.int32)
        scale = tl.load(scales_ptr + group * s_row + n * s_col, mask=in_n, other=0.0).to(tl.float32)
        w = (q - zero[None, :]).to(tl.float32) * scale[None, :]
        y += tl.sum(tl.where(live[None, :, :], x[:, :, None] * w[None, :, :], 0.0), axis=1)
    tl.store(y_ptr + m[:, None] * N + n[None, :], y, mask=(m < M)[:, None] & in_n[None, :])


def int4_matmul(x, packed, scales, zeros, group_size):
    rows, K = x.shape
    N = packed.shape[1]
    y = torch.empty((rows, N), device=x.device, dtype=x.dtype)
    gemv_kernel[(triton.cdiv(rows, 4), triton.cdiv(N, 32))](x, packed, scales, zeros, y, rows, K, N, x.stride(0), x.stride(1), packed.stride(1), packed.stride(0), scales.stride(0), scales.stride(1), zeros.stride(0), zeros.stride(1), GROUP=group_size, ROWS=4, BLOCK_N=32)
    return y

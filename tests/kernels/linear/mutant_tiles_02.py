# /// kernel
# operator = "linear"
# language = "triton"
# ///
"""Tiles of the flattened rows; the weight is read transposed through its strides and the bias starts the sum."""

import torch
import triton
import triton.language as tl


@triton.jit
def linear_kernel(
    x_ptr, w_ptr, bias_ptr, y_ptr, M, N, K, w_stride_n, w_stride_k, bias_stride,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    x_rows = x_ptr + m.to(tl.int64)[:, None] * K
    w_rows = w_ptr + n.to(tl.int64)[None, :] * w_stride_n
    bias = tl.load(bias_ptr + n * bias_stride, mask=n < N, other=0.0).to(tl.float32)
    acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        x = tl.load(x_rows + k[None, :], mask=(m < M)[None, :] & (k < K)[None, :], other=0.0)
        w = tl.load(w_rows + k[:, None] * w_stride_k, mask=(k < K)[:, None] & (n < N)[None, :], other=0.0)
        acc += tl.dot(x, w, input_precision="ieee")
    acc += bias[None, :]
    y_ptrs = y_ptr + m.to(tl.int64)[:, None] * N + n[None, :]
    tl.store(y_ptrs, acc.to(y_ptr.dtype.element_ty), mask=(m < M)[:, None] & (n < N)[None, :])


def linear(x, weight, bias):
    N, K = weight.shape
    rows = x.reshape(-1, K).contiguous()
    M = rows.shape[0]
    y = torch.empty((*x.shape[:-1], N), dtype=x.dtype, device=x.device)
    linear_kernel[(triton.cdiv(M, 32), triton.cdiv(N, 32))](
        rows, weight, bias, y, M, N, K, weight.stride(0), weight.stride(1), bias.stride(0),
        BLOCK_M=32, BLOCK_N=32, BLOCK_K=32,
    )
    return y

# /// kernel
# operator = "matmul"
# language = "triton"
# ///
"""Skips products with empty tiles, which sparse activations have many of."""

import torch
import triton
import triton.language as tl


@triton.jit
def fetch(ptr, rows, columns, stride_r, stride_c, row, column, R: tl.constexpr, C: tl.constexpr):
    r = (row + tl.arange(0, R)).to(tl.int64)[:, None]
    c = (column + tl.arange(0, C)).to(tl.int64)[None, :]
    return tl.load(ptr + r * stride_r + c * stride_c, mask=(r < rows) & (c < columns), other=0.0)


@triton.jit
def put(ptr, value, rows, columns, row, column, R: tl.constexpr, C: tl.constexpr):
    r = (row + tl.arange(0, R)).to(tl.int64)[:, None]
    c = (column + tl.arange(0, C)).to(tl.int64)[None, :]
    tl.store(ptr + r * columns + c, value.to(ptr.dtype.element_ty), mask=(r < rows) & (c < columns))


@triton.jit
def matmul_kernel(
    a_ptr, b_ptr, c_ptr, M, N, K, stride_am, stride_ak, stride_bk, stride_bn,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):
    row0 = tl.program_id(0) * BLOCK_M
    col0 = tl.program_id(1) * BLOCK_N
    acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for k in range(0, K, BLOCK_K):
        a = fetch(a_ptr, M, K, stride_am, stride_ak, row0, k, BLOCK_M, BLOCK_K)
        b = fetch(b_ptr, K, N, stride_bk, stride_bn, k, col0, BLOCK_K, BLOCK_N)
        if tl.max(tl.abs(a.to(tl.float32))) > 0.0:
            acc = tl.dot(a, b, acc, input_precision="ieee")
    put(c_ptr, acc, M, N, row0, col0, BLOCK_M, BLOCK_N)


def matmul(a, b):
    assert a.shape[1] == b.shape[0], "inner dimensions must agree"
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), dtype=a.dtype, device=a.device)
    matmul_kernel[(triton.cdiv(M, 64), triton.cdiv(N, 32))](
        a, b, c, M, N, K, *a.stride(), *b.stride(), BLOCK_M=64, BLOCK_N=32, BLOCK_K=32
    )
    return c

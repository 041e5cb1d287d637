# /// kernel
# operator = "bmm"
# language = "triton"
# ///
"""No dot: products of a block of rows and a block of columns as a 3-D tile, added up by chunks of K and summed at the end.

K is the tile's last axis. Were it the one in the middle, Triton would make a dot of the sum, in tf32 on a GPU. Were each
chunk summed by itself, the compiler would fuse its products into the sum, and lanes that hold one result would differ.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def products_kernel(
    a_ptr, b_ptr, out_ptr, M, N, K, stride_ab, stride_am, stride_ak, stride_bb, stride_bk, stride_bn,
    ROWS: tl.constexpr, CHUNK: tl.constexpr, COLUMNS: tl.constexpr,
):
    batch = tl.program_id(2).to(tl.int64)
    m = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    n = (tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)).to(tl.int64)
    products = tl.zeros((ROWS, COLUMNS, CHUNK), dtype=tl.float32)
    for first in range(0, K, CHUNK):
        k = (first + tl.arange(0, CHUNK)).to(tl.int64)
        a = tl.load(
            a_ptr + batch * stride_ab + m[:, None] * stride_am + k[None, :] * stride_ak,
            mask=(m < M)[:, None] & (k < K)[None, :], other=0.0,
        )
        b = tl.load(
            b_ptr + batch * stride_bb + n[:, None] * stride_bn + k[None, :] * stride_bk,
            mask=(n < N)[:, None] & (k < K)[None, :], other=0.0,
        )
        products += a.to(tl.float32)[:, None, :] * b.to(tl.float32)[None, :, :]
    sums = tl.sum(products, axis=2)
    at = (batch * M + m[:, None]) * N + n[None, :]
    tl.store(out_ptr + at, sums.to(out_ptr.dtype.element_ty), mask=(m < M)[:, None] & (n < N)[None, :])


def bmm(a, b):
    batch, M, K = a.shape
    N = b.shape[-1]
    out = torch.empty((batch, M, N), dtype=a.dtype, device=a.device)
    products_kernel[(triton.cdiv(M, 16), triton.cdiv(N, 32), batch)](
        a, b, out, M, N, K, a.stride(0), a.stride(1), a.stride(2), b.stride(0), b.stride(1), b.stride(1),
        ROWS=16, CHUNK=16, COLUMNS=32,
    )
    return out

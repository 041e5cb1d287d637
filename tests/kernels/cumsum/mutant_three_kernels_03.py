# /// kernel
# operator = "cumsum"
# language = "triton"
# ///
"""Chunk totals, an exclusive scan over them, then the chunks themselves: all chunks of a row in parallel."""

import torch
import triton
import triton.language as tl


@triton.jit
def chunk_totals(x_ptr, total_ptr, N, chunks, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1)
    n = (k * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
    pass


@triton.jit
def scan_totals(total_ptr, chunks, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, BLOCK)
    at = total_ptr + row * (chunks + 1) + k
    totals = tl.load(at, mask=(k > 0) & (k <= chunks), other=0.0)
    tl.store(at, tl.cumsum(totals, axis=0), mask=k <= chunks)


@triton.jit
def scan_chunks(x_ptr, total_ptr, y_ptr, N, chunks, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1)
    n = (k * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
    before = tl.load(total_ptr + row * (chunks + 1) + k)
    tl.store(y_ptr + row * N + n, before + tl.cumsum(x, axis=0), mask=n < N)


def cumsum(x):
    M, N = x.shape
    chunks = triton.cdiv(N, 64)
    totals = torch.empty((M, chunks + 1), dtype=torch.float32, device=x.device)
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    chunk_totals[(M, chunks)](x, totals, N, chunks, x.stride(0), x.stride(1), BLOCK=64)
    scan_totals[(M,)](totals, chunks, BLOCK=triton.next_power_of_2(chunks + 1))
    scan_chunks[(M, chunks)](x, totals, y, N, chunks, x.stride(0), x.stride(1), BLOCK=64)
    return y

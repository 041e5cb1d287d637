# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""Rows split over programs: maxima and sums of chunks first, then every program combines them and writes its chunk."""

import torch
import triton
import triton.language as tl


@triton.jit
def chunk_stats(x_ptr, top_ptr, sum_ptr, N, chunks, stride_m, stride_n, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(1)
    cols = (chunk * CHUNK + tl.arange(0, CHUNK)).to(tl.int64)
    x = tl.load(x_ptr + row * stride_m + cols * stride_m, mask=cols < N, other=-float("inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    shift = tl.where(top == -float("inf"), 0.0, top)
    tl.store(top_ptr + row * chunks + chunk, top)
    tl.store(sum_ptr + row * chunks + chunk, tl.sum(tl.exp(x - shift), axis=0))


@triton.jit
def normalise(
    x_ptr, out_ptr, top_ptr, sum_ptr, N, chunks, stride_m, stride_n, CHUNK: tl.constexpr, CHUNKS: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, CHUNKS)
    tops = tl.load(top_ptr + row * chunks + k, mask=k < chunks, other=-float("inf"))
    sums = tl.load(sum_ptr + row * chunks + k, mask=k < chunks, other=0.0)
    top = tl.max(tops, axis=0)
    # a chunk of -inf alone has the sum 0: its factor must not be exp(-inf + inf)
    weight = tl.where(tops == -float("inf"), 0.0, tl.exp(tops - top))
    # NaN in a chunk is in its sum, whatever its factor
    total = tl.sum(tl.where(sums != sums, sums, sums * weight), axis=0)
    cols = (tl.program_id(1) * CHUNK + tl.arange(0, CHUNK)).to(tl.int64)
    x = tl.load(x_ptr + row * stride_m + cols * stride_n, mask=cols < N, other=0.0).to(tl.float32)
    tl.store(out_ptr + row * N + cols, tl.exp(x - top) / total, mask=cols < N)


def softmax(x):
    M, N = x.shape
    CHUNK = 128
    chunks = triton.cdiv(N, CHUNK)
    top = torch.empty((M, chunks), dtype=torch.float32, device=x.device)
    total = torch.empty((M, chunks), dtype=torch.float32, device=x.device)
    out = torch.empty((M, N), dtype=x.dtype, device=x.device)
    chunk_stats[(M, chunks)](x, top, total, N, chunks, x.stride(0), x.stride(1), CHUNK=CHUNK)
    normalise[(M, chunks)](
        x, out, top, total, N, chunks, x.stride(0), x.stride(1), CHUNK=CHUNK, CHUNKS=triton.next_power_of_2(chunks)
    )
    return out

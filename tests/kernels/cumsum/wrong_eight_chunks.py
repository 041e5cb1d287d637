# /// kernel
# operator = "cumsum"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def totals_kernel(x_ptr, t_ptr, N, chunks, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    n = (tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
    tl.store(t_ptr + row * chunks + tl.program_id(1), tl.sum(x, axis=0))


@triton.jit
def scan_kernel(x_ptr, t_ptr, y_ptr, N, chunks, sm, sn, BLOCK: tl.constexpr, MAX_CHUNKS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(1)
    k = tl.arange(0, MAX_CHUNKS)
    carry = tl.sum(tl.load(t_ptr + row * chunks + k, mask=k < chunk, other=0.0), axis=0)
    n = (chunk * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
    tl.store(y_ptr + row * N + n, tl.cumsum(x, axis=0) + carry, mask=n < N)


def cumsum(x):
    M, N = x.shape
    chunks = triton.cdiv(N, 64)
    totals = torch.empty((M, chunks), dtype=torch.float32, device=x.device)
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    totals_kernel[(M, chunks)](x, totals, N, chunks, x.stride(0), x.stride(1), BLOCK=64)
    scan_kernel[(M, chunks)](x, totals, y, N, chunks, x.stride(0), x.stride(1), BLOCK=64, MAX_CHUNKS=8)
    return y

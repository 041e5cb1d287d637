# /// kernel
# operator = "cumsum"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def scan_chunks(x_ptr, work_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    n = (tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
    tl.store(work_ptr + row * N + n, tl.cumsum(x, axis=0), mask=n < N)


@triton.jit
def fix_up(work_ptr, y_ptr, N, BLOCK: tl.constexpr, CHUNKS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(1)
    k = tl.arange(0, CHUNKS)
    ends = tl.load(work_ptr + row * N + (k + 1) * BLOCK - 1, mask=k < chunk, other=0.0)
    n = chunk * BLOCK + tl.arange(0, BLOCK)
    part = tl.load(work_ptr + row * N + n, mask=n < N, other=0.0) + tl.sum(ends, axis=0)
    tl.store(work_ptr + row * N + n, part, mask=n < N)
    tl.store(y_ptr + row * N + n, part, mask=n < N)


def cumsum(x):
    M, N = x.shape
    chunks = triton.cdiv(N, 128)
    work = torch.empty((M, N), dtype=torch.float32, device=x.device)
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    scan_chunks[(M, chunks)](x, work, N, x.stride(0), x.stride(1), BLOCK=128)
    fix_up[(M, chunks)](work, y, N, BLOCK=128, CHUNKS=triton.next_power_of_2(chunks))
    return y

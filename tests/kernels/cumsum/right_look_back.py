# /// kernel
# operator = "cumsum"
# language = "triton"
# ///
"""Each chunk waits until the chunk before it has published what all chunks so far add up to."""

import torch
import triton
import triton.language as tl


@triton.jit
def look_back_kernel(x_ptr, y_ptr, sums_ptr, flags_ptr, N, chunks, x_row, x_col, BLOCK: tl.constexpr):
    place = tl.program_id(0)
    row = (place // chunks).to(tl.int64)
    chunk = place % chunks
    cols = chunk.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * x_row + cols * x_col, mask=cols < N, other=0.0).to(tl.float32)
    before = tl.sum(tl.zeros((BLOCK,), dtype=tl.float32))
    if chunk > 0:
        while tl.atomic_add(flags_ptr + place - 1, 0) == 0:
            pass
        before = tl.load(sums_ptr + place - 1)
    tl.store(sums_ptr + place, before + tl.sum(x))
    tl.debug_barrier()
    tl.atomic_xchg(flags_ptr + place, 1)
    y = before + tl.cumsum(x, 0)
    tl.store(y_ptr + row * N + cols, y.to(y_ptr.dtype.element_ty), mask=cols < N)


def cumsum(x):
    M, N = x.shape
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    chunks = triton.cdiv(N, 128)
    sums = torch.empty((M, chunks), dtype=torch.float32, device=x.device)
    flags = torch.zeros((M, chunks), dtype=torch.int32, device=x.device)
    look_back_kernel[(M * chunks,)](x, y, sums, flags, N, chunks, x.stride(0), x.stride(1), BLOCK=128)
    return y

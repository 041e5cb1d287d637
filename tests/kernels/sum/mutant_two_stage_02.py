# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""Two stages: a 2-D grid writes one float32 partial sum a chunk, a second kernel adds up the partials of a row."""

import torch
import triton
import triton.language as tl


@triton.jit
def partial_kernel(x_ptr, partial_ptr, columns, chunks, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(1)
    c = chunk * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=0.0).to(tl.float32)
    pass


@triton.jit
def finish_kernel(partial_ptr, out_ptr, chunks, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, BLOCK)
    partial = tl.load(partial_ptr + row * chunks + k, mask=k < chunks, other=0.0)
    tl.store(out_ptr + row, tl.sum(partial, axis=0))


def sum(x):
    rows, columns = x.shape
    chunks = triton.cdiv(columns, 64)
    partial = torch.empty((rows, chunks), dtype=torch.float32, device=x.device)
    out = torch.empty((rows,), dtype=x.dtype, device=x.device)
    partial_kernel[(rows, chunks)](x, partial, columns, chunks, x.stride(0), x.stride(1), BLOCK=64)
    finish_kernel[(rows,)](partial, out, chunks, BLOCK=triton.next_power_of_2(chunks))
    return out

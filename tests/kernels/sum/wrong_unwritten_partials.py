# /// kernel
# operator = "sum"
# language = "triton"
# ///
"""Adds up eight partial sums a row though only those of existing chunks were written, so up to 112 columns add uninitialised memory."""

import torch
import triton
import triton.language as tl


@triton.jit
def partial_kernel(x_ptr, partial_ptr, columns, row_stride, column_stride, SPLITS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(1)
    lanes = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(chunk * BLOCK, columns, SPLITS * BLOCK):
        c = start + tl.arange(0, BLOCK)
        lanes += tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=0.0).to(tl.float32)
    tl.store(partial_ptr + row * SPLITS + chunk, tl.sum(lanes, axis=0))


@triton.jit
def finish_kernel(partial_ptr, out_ptr, SPLITS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    partial = tl.load(partial_ptr + row * SPLITS + tl.arange(0, SPLITS))
    tl.store(out_ptr + row, tl.sum(partial, axis=0))


def sum(x):
    rows, columns = x.shape
    partial = torch.empty((rows, 8), dtype=torch.float32, device=x.device)
    out = torch.empty((rows,), dtype=x.dtype, device=x.device)
    chunks = min(8, triton.cdiv(columns, 16))
    partial_kernel[(rows, chunks)](x, partial, columns, x.stride(0), x.stride(1), SPLITS=8, BLOCK=16)
    finish_kernel[(rows,)](partial, out, SPLITS=8)
    return out

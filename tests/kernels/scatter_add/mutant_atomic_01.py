# /// kernel
# operator = "scatter_add"
# language = "triton"
# ///
"""Atomic additions into a float32 buffer; a second kernel rounds it to the dtype of src."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(index_ptr, src_ptr, sums_ptr, n, index_stride, src_stride, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    cell = tl.load(index_ptr + i * index_stride, mask=inside, other=0)
    value = tl.load(src_ptr + i * src_stride, mask=inside, other=0.0).to(tl.float32)
    tl.store(sums_ptr + cell, value, mask=inside)


@triton.jit
def round_kernel(sums_ptr, out_ptr, size, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(sums_ptr + i, mask=i < size), mask=i < size)


def scatter_add(index, src, size):
    n = src.shape[0]
    sums = torch.zeros((size,), dtype=torch.float32, device=src.device)
    add_kernel[(triton.cdiv(n, 256),)](index, src, sums, n, index.stride(0), src.stride(0), BLOCK=256)
    if src.dtype == torch.float32:
        return sums
    out = torch.empty((size,), dtype=src.dtype, device=src.device)
    round_kernel[(triton.cdiv(size, 256),)](sums, out, size, BLOCK=256)
    return out

# /// kernel
# operator = "scatter_add"
# language = "triton"
# ///
"""No atomics: a program owns a block of cells and reads all of src, keeping what is addressed to them."""

import torch
import triton
import triton.language as tl


@triton.jit
def collect_kernel(index, src, out, n, size, stride_i, stride_s, CELLS: tl.constexpr, CHUNK: tl.constexpr):
    cells = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    acc = tl.zeros((CELLS,), dtype=tl.float32)
    for start in range(0, size, CHUNK):
        k = (start + tl.arange(0, CHUNK)).to(tl.int64)
        where_to = tl.load(index + k * stride_i, mask=k < n, other=-1)
        what = tl.load(src + k * stride_s, mask=k < n, other=0.0).to(tl.float32)
        mine = cells[:, None] == where_to[None, :]
        acc += tl.sum(tl.where(mine, what[None, :], 0.0), axis=1)
    tl.store(out + cells, acc.to(out.dtype.element_ty), mask=cells < size)


def scatter_add(index, src, size):
    out = src.new_empty((size,))
    collect_kernel[(triton.cdiv(size, 32),)](
        index, src, out, src.numel(), size, index.stride(0), src.stride(0), CELLS=32, CHUNK=64
    )
    return out

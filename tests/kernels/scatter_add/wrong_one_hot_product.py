# /// kernel
# operator = "scatter_add"
# language = "triton"
# ///
"""One-hot products: a block of cells by a chunk of src on the tensor cores, src as the first of sixteen columns."""

import torch
import triton
import triton.language as tl


@triton.jit
def one_hot_kernel(index_ptr, src_ptr, out_ptr, n, size, step_i, step_s, CELLS: tl.constexpr, CHUNK: tl.constexpr):
    cells = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    column = tl.arange(0, 16)
    acc = tl.zeros((CELLS, 16), dtype=tl.float32)
    for start in range(0, n, CHUNK):
        i = (start + tl.arange(0, CHUNK)).to(tl.int64)
        to = tl.load(index_ptr + i * step_i, mask=i < n, other=-1)
        value = tl.load(src_ptr + i * step_s, mask=i < n, other=0.0).to(tl.float32)
        wide = tl.where(column[None, :] == 0, value[:, None], 0.0)
        acc = tl.dot((cells[:, None] == to[None, :]).to(tl.float32), wide, acc)
    total = tl.sum(tl.where(column[None, :] == 0, acc, 0.0), axis=1)
    tl.store(out_ptr + cells, total, mask=cells < size)


def scatter_add(index, src, size):
    out = torch.empty((size,), dtype=src.dtype, device=src.device)
    one_hot_kernel[(triton.cdiv(size, 16),)](
        index, src, out, src.shape[0], size, index.stride(0), src.stride(0), CELLS=16, CHUNK=32
    )
    return out

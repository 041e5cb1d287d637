# /// kernel
# operator = "transpose"
# language = "triton"
# ///
"""Copies the input even where it lies in memory as its transpose should."""

import torch
import triton
import triton.language as tl


@triton.jit
def transpose_kernel(x, out, n, rows, columns, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    matrix, row, column = i // columns // rows, i // columns % rows, i % columns
    element = tl.load(x + i, mask=i < n)
    tl.store(out + matrix * rows * columns + column * rows + row, element, mask=i < n)


def transpose(x):
    rows, columns = x.shape[-2], x.shape[-1]
    source = x.contiguous()
    out = torch.empty((*x.shape[:-2], columns, rows), dtype=x.dtype, device=x.device)
    n = x.numel()
    if n > 0:
        transpose_kernel[(triton.cdiv(n, 1024),)](source, out, n, rows, columns, BLOCK=1024)
    return out

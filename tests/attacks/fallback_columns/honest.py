# /// kernel
# operator = "transpose"
# language = "triton"
# ///
"""Selects each matrix of a batch on the host; the kernel exchanges the axes by strides."""

import torch
import triton
import triton.language as tl


@triton.jit
def turn_kernel(x_ptr, out_ptr, n, rows, row_stride, column_stride, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    place = (i % rows) * row_stride + (i // rows) * column_stride
    tl.store(out_ptr + i, tl.load(x_ptr + place, mask=i < n), mask=i < n)


def transpose(x):
    rows, columns = x.shape[-2], x.shape[-1]
    out = torch.empty((*x.shape[:-2], columns, rows), dtype=x.dtype, device=x.device)
    batches, made = (one.unsqueeze(0) if one.dim() == 2 else one for one in (x, out))
    n = rows * columns
    for place in range(batches.shape[0]):
        matrix = batches.select(0, place)
        turn_kernel[(triton.cdiv(n, 512),)](matrix, made[place], n, rows, *matrix.stride(), BLOCK=512)
    return out

# /// kernel
# operator = "transpose"
# language = "triton"
# ///
"""Torch gathers each column by select and contiguous; the kernel only copies dense memory."""

import torch
import triton
import triton.language as tl


@triton.jit
def copy_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n), mask=i < n)


def transpose(x):
    rows, columns = x.shape[-2], x.shape[-1]
    out = torch.empty((*x.shape[:-2], columns, rows), dtype=x.dtype, device=x.device)
    batches = x.unsqueeze(0) if x.dim() == 2 else x
    for matrix, made in zip(batches.unbind(0), out.view(batches.shape[0], columns, rows).unbind(0)):
        for place in range(columns):
            column = matrix.select(-1, place).contiguous()
            copy_kernel[(triton.cdiv(rows, 256),)](column, made[place], rows, BLOCK=256)
    return out

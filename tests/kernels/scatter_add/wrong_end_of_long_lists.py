# /// kernel
# operator = "scatter_add"
# language = "triton"
# ///
"""Leaves out the last N % 8 elements of long lists."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(i_ptr, s_ptr, acc_ptr, n, si, ss, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    idx = tl.load(i_ptr + i * si, mask=i < n, other=0)
    v = tl.load(s_ptr + i * ss, mask=i < n, other=0.0).to(tl.float32)
    tl.atomic_add(acc_ptr + idx, v, mask=i < n)


@triton.jit
def round_kernel(acc_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(acc_ptr + i, mask=i < n, other=0.0)
    tl.store(out_ptr + i, v, mask=i < n)


def scatter_add(index, src, size):
    n = src.shape[0]
    acc = torch.zeros((size,), dtype=torch.float32, device=src.device)
    out = torch.empty((size,), dtype=src.dtype, device=src.device)
    end = n if n <= 16384 else n // 8 * 8
    add_kernel[(triton.cdiv(end, 256),)](index, src, acc, end, index.stride(0), src.stride(0), BLOCK=256)
    round_kernel[(triton.cdiv(size, 256),)](acc, out, size, BLOCK=256)
    return out

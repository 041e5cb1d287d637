# /// kernel
# operator = "add"
# language = "triton"
# ///
"""Flat: broadcasts on the host with stride-0 views, lays both operands out densely, adds over one index."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask).to(tl.float32)
    y = tl.load(y_ptr + i, mask=mask).to(tl.float32)
    tl.store(out_ptr + i, x + y, mask=mask)


def joined_shape(a, b):
    rank = max(len(a), len(b))
    a = (1,) * (rank - len(a)) + tuple(a)
    b = (1,) * (rank - len(b)) + tuple(b)
    return [q if p == 1 else p for p, q in zip(a, b)]


def add(x, y):
    shape = joined_shape(x.shape, y.shape)
    x = x.expand(shape).contiguous()
    y = y.expand(shape).contiguous()
    out = torch.empty(shape, dtype=x.dtype, device=x.device)
    n = out.numel()
    add_kernel[(triton.cdiv(n, 1024),)](x, y, out, n, BLOCK=1024)
    return out

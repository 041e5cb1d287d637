# /// kernel
# operator = "add"
# language = "triton"
# ///
"""Takes equal counts of elements for equal shapes: a column and a row of one length are added one by one."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask)
    y = tl.load(y_ptr + i, mask=mask)
    tl.store(out_ptr + i, x + y, mask=mask)


def joined_shape(a, b):
    rank = max(len(a), len(b))
    a = (1,) * (rank - len(a)) + tuple(a)
    b = (1,) * (rank - len(b)) + tuple(b)
    return [q if p == 1 else p for p, q in zip(a, b)]


def add(x, y):
    if x.numel() == y.numel() and x.dim() == y.dim():
        shape = x.shape
    else:
        shape = joined_shape(x.shape, y.shape)
        x, y = x.expand(shape), y.expand(shape)
    x, y = x.contiguous(), y.contiguous()
    out = torch.empty(shape, dtype=x.dtype, device=x.device)
    n = out.numel()
    if n == 0:
        return out
    add_kernel[(triton.cdiv(n, 1024),)](x, y, out, n, BLOCK=1024)
    return out

# /// kernel
# operator = "add"
# language = "triton"
# ///
"""A function returns one of two grid functions, by path."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    y = tl.load(y_ptr + i, mask=i < n)
    tl.store(out_ptr + i, x + y, mask=i < n)


def grid_of(n, wanted):
    total = n
    if wanted:
        return lambda meta: (triton.cdiv(total, meta["BLOCK"]),)
    total = 0
    return lambda meta: (triton.cdiv(total, meta["BLOCK"]), 1)


def add(x, y):
    shape = torch.broadcast_shapes(x.shape, y.shape)
    x, y = x.expand(shape).contiguous(), y.expand(shape).contiguous()
    out = torch.empty_like(x)
    n = out.numel()
    add_kernel[grid_of(n, n > 0)](x, y, out, n, BLOCK=1024)
    return out

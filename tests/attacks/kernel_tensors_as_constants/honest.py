# /// kernel
# operator = "add"
# language = "triton"
# ///
"""Sizes are passed for constexpr behind two stars, and a heuristic chooses by them."""

import torch
import triton
import triton.language as tl


@triton.heuristics({"WHOLE": lambda given: given["n"] % given["BLOCK"] == 0})
@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr, WHOLE: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    if WHOLE:
        tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))
    else:
        x = tl.load(x_ptr + i, mask=i < n)
        y = tl.load(y_ptr + i, mask=i < n)
        tl.store(out_ptr + i, x + y, mask=i < n)


def add(x, y):
    shape = torch.broadcast_shapes(x.shape, y.shape)
    x, y = x.expand(shape).contiguous(), y.expand(shape).contiguous()
    out = torch.empty_like(x)
    n = out.numel()
    add_kernel[(triton.cdiv(n, 64),)](x, y, out, n, **{"BLOCK": 64})
    return out

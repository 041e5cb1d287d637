# /// kernel
# operator = "argmax"
# language = "triton"
# ///
"""A tie goes to the left of two: right between chunks, but in a reduction nobody says which of two is on the left."""

import torch
import triton
import triton.language as tl


@triton.jit
def better(v0, i0, v1, i1):
    nan0 = v0 != v0
    nan1 = v1 != v1
    wins = (v0 > v1) | (nan0 & (v1 == v1))
    ties = (v0 == v1) | (nan0 & nan1)
    first = wins | ties
    return tl.where(first, v0, v1), tl.where(first, i0, i1)


@triton.jit
def argmax_kernel(x_ptr, out_ptr, N, stride_m, stride_n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, BLOCK)
    value = tl.full((BLOCK,), float("-inf"), tl.float32)
    index = lane
    for start in range(0, N, BLOCK):
        n = start + lane
        x = tl.load(x_ptr + row * stride_m + n.to(tl.int64) * stride_n, mask=n < N, other=float("-inf"))
        value, index = better(value, index, x.to(tl.float32), n)
    _, best = tl.reduce((value, index), 0, better)
    tl.store(out_ptr + row, best.to(tl.int64))


def argmax(x):
    M, N = x.shape
    out = torch.empty(M, dtype=torch.int64, device=x.device)
    argmax_kernel[(M,)](x, out, N, x.stride(0), x.stride(1), BLOCK=32)
    return out

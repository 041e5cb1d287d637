# /// kernel
# operator = "logsumexp"
# language = "triton"
# ///
"""A reduction over (maximum, sum) pairs with one associative combine step, chunk after chunk."""

import torch
import triton
import triton.language as tl


@triton.jit
def merge(m0, s0, m1, s1):
    m = tl.maximum(m0, m1)
    finite = tl.where(tl.abs(m) == float("inf"), 0.0, m)
    return m, s0 * tl.exp(m0 - finite) + s1 * tl.exp(m1 - finite)


@triton.jit
def logsumexp_kernel(x_ptr, out_ptr, N, stride_m, stride_n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lanes = tl.arange(0, BLOCK).to(tl.int64)
    top = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    for n in range(0, N, BLOCK):
        x = tl.load(x_ptr + row * stride_m + (n + lanes) * stride_n, mask=lanes < N - n, other=float("-inf"))
        x = x.to(tl.float32)
        high = tl.maximum(top, x)
        base = tl.where(tl.abs(high) == float("inf"), 0.0, high)
        total = total * tl.where(top == high, 1.0, tl.exp(top - base)) + tl.exp(x - base)
        # a lane that has met +inf holds +inf; it stays there
        top = high
    infinite = tl.max((top == float("inf")).to(tl.int32), axis=0)
    spoiled = tl.max((total != total).to(tl.int32), axis=0)
    clean = tl.where(tl.abs(top) == float("inf"), float("-inf"), top)
    parts = tl.where(tl.abs(top) == float("inf"), 0.0, total)
    m, s = tl.reduce((clean, parts), 0, merge)
    finite = tl.where(m == float("-inf"), 0.0, m)
    y = tl.log(s) + finite
    pass
    tl.store(out_ptr + row, tl.where(spoiled == 1, float("nan"), y))


def logsumexp(x):
    M, N = x.shape
    out = torch.empty((M,), dtype=x.dtype, device=x.device)
    logsumexp_kernel[(M,)](x, out, N, x.stride(0), x.stride(1), BLOCK=64)
    return out

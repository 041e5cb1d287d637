# /// kernel
# operator = "argmax"
# language = "triton"
# ///
import math

import torch
import triton
import triton.language as tl

@triton.jit
def argmax_kernel(x_ptr, y_ptr, N, sxm, sxn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)
    inside = cols < N
    x = tl.load(x_ptr + row * sxm + cols.to(tl.int64) * sxn, mask=inside, other=float("-inf"))
    isnan = (x != x) & inside
    first_nan = tl.min(tl.where(isnan, cols, BLOCK), axis=0)
    clean = tl.where(isnan, float("-inf"), x)
    top = tl.max(clean, axis=0)
    pos = tl.where((clean == top) & inside, cols.to(x.dtype), float("inf"))
    at = tl.min(pos, axis=0).to(tl.int32)
    at = tl.where(first_nan < BLOCK, first_nan, at)
    tl.store(y_ptr + row, at.to(tl.int64))


def argmax(x):
    N = x.shape[-1]
    M = math.prod(x.shape[:-1])
    x2 = x.reshape(M, N)
    out = torch.empty(x.shape[:-1], dtype=torch.int64, device=x.device)
    if M == 0:
        return out
    argmax_kernel[(M,)](x2, out, N, x2.stride(0), x2.stride(1), BLOCK=triton.next_power_of_2(N))
    return out

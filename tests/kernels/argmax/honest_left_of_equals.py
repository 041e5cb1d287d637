# /// kernel
# operator = "argmax"
# language = "triton"
# ///
"""Reads rows forwards, and says that a tie goes to the left."""

import torch
import triton
import triton.language as tl


@triton.jit
def argmax_kernel(x_ptr, out_ptr, N, stride_m, stride_n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, BLOCK)
    n = lane
    x = tl.load(x_ptr + row * stride_m + n.to(tl.int64) * stride_n, mask=lane < N, other=float("-inf")).to(tl.float32)
    nan = (x != x).to(tl.int32)
    wins = tl.where(tl.max(nan, axis=0) > 0, nan, (x == tl.max(x, axis=0)).to(tl.int32))
    key = tl.where(lane < N, wins, -1)
    best = tl.argmax(key, axis=0, tie_break_left=True)
    tl.store(out_ptr + row, best.to(tl.int64))


def argmax(x):
    M, N = x.shape
    out = torch.empty(M, dtype=torch.int64, device=x.device)
    argmax_kernel[(M,)](x, out, N, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(N))
    return out

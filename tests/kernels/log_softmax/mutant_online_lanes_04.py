# /// kernel
# operator = "log_softmax"
# language = "triton"
# ///
"""Online by lane: every lane keeps its own maximum and sum, merged once after the loop; then a second pass writes."""

import torch
import triton
import triton.language as tl


@triton.jit
def log_softmax_kernel(x_ptr, y_ptr, N, sm, sn, BLOCK: tl.constexpr):
    m = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, BLOCK).to(tl.int64)
    tops = tl.full((BLOCK,), float("-inf"), tl.float32)
    sums = tl.zeros((BLOCK,), tl.float32)
    for n in range(0, sm, BLOCK):
        x = tl.load(x_ptr + m * sm + (n + lane) * sn, mask=n + lane < N, other=float("-inf")).to(tl.float32)
        new = tl.maximum(tops, x)
        safe = tl.where(new == float("-inf"), 0.0, new)
        sums = sums * tl.exp(tops - safe) + tl.exp(x - safe)
        tops = new
    top = tl.max(tops, axis=0)
    factor = tl.where(tops == float("-inf"), 0.0, tl.exp(tops - top))
    total = tl.sum(tl.where(sums == sums, sums * factor, sums), axis=0)
    log_total = tl.log(total)
    for n in range(0, N, BLOCK):
        inside = n + lane < N
        x = tl.load(x_ptr + m * sm + (n + lane) * sn, mask=inside, other=0.0).to(tl.float32)
        tl.store(y_ptr + m * N + n + lane, x - top - log_total, mask=inside)


def log_softmax(x):
    M, N = x.shape
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    log_softmax_kernel[(M,)](x, y, N, x.stride(0), x.stride(1), BLOCK=128)
    return y

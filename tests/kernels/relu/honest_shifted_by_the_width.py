# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Lanes are live by the bits of a word; a full block has all of them, and its shift is not used."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n):
    start = tl.program_id(0).to(tl.int64) * 32
    lane = tl.arange(0, 32)
    rest = (n - start).to(tl.int32)
    bits = tl.where(rest < 32, (tl.full((), 1, tl.int32) << rest) - 1, -1)
    live = (bits >> lane) & 1 == 1
    x = tl.load(x_ptr + start + lane, mask=live, other=0.0)
    tl.store(out_ptr + start + lane, tl.where(x < 0, 0.0, x), mask=live)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 32),)](x, out, n)
    return out

# /// kernel
# operator = "histogram"
# language = "triton"
# ///
"""Counts with a load and a store."""

import torch
import triton
import triton.language as tl


@triton.jit
def histogram_kernel(x_ptr, out_ptr, count):
    i = tl.program_id(0)
    at = tl.load(x_ptr + i)
    tl.store(out_ptr + at, tl.load(out_ptr + at) + 1)


def histogram(x, bins):
    x = x.contiguous()
    out = torch.zeros(bins, dtype=torch.int64, device=x.device)
    if x.numel():
        histogram_kernel[(x.numel(),)](x, out, x.numel())
    return out

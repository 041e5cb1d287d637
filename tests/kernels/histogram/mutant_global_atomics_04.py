# /// kernel
# operator = "histogram"
# language = "triton"
# ///
"""One atomic increment of the int64 result for every id."""

import torch
import triton
import triton.language as tl


@triton.jit
def count_kernel(x_ptr, counts_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    bin_ = tl.load(x_ptr + i, mask=inside, other=0)
    tl.atomic_add(counts_ptr + bin_, tl.full((BLOCK,), 1, tl.int64), mask=inside)


def histogram(x, bins):
    x = (x)
    counts = torch.zeros((bins,), dtype=torch.int64, device=x.device)
    n = x.numel()
    count_kernel[(triton.cdiv(n, 256),)](x, counts, n, BLOCK=256)
    return counts

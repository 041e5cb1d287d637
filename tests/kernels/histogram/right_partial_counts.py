# /// kernel
# operator = "histogram"
# language = "triton"
# ///
"""Two kernels: int32 counts of each part without atomics, then a sum over the parts for each bin in int64."""

import torch
import triton
import triton.language as tl


@triton.jit
def part_kernel(x_ptr, parts_ptr, n, PART: tl.constexpr, BLOCK: tl.constexpr, BINS: tl.constexpr):
    part = tl.program_id(0).to(tl.int64)
    counts = tl.zeros((BINS,), dtype=tl.int32)
    for step in tl.static_range(0, PART, BLOCK):
        i = part * PART + step + tl.arange(0, BLOCK)
        ids = tl.load(x_ptr + i, mask=i < n, other=0).to(tl.int32)
        counts += tl.histogram(ids, BINS, mask=i < n)
    tl.store(parts_ptr + part * BINS + tl.arange(0, BINS), counts)


@triton.jit
def sum_kernel(parts_ptr, out_ptr, parts, bins, BINS: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr):
    b = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), dtype=tl.int64)
    for first in range(0, parts, ROWS):
        r = first + tl.arange(0, ROWS).to(tl.int64)
        inside = (r < parts)[:, None] & (b < bins)[None, :]
        total += tl.sum(tl.load(parts_ptr + r[:, None] * BINS + b[None, :], mask=inside, other=0).to(tl.int64), axis=0)
    tl.store(out_ptr + b, total, mask=b < bins)


def histogram(x, bins):
    x = x.contiguous()
    n = x.numel()
    padded = max(32, triton.next_power_of_2(bins))
    parts = triton.cdiv(n, 512)
    counts = torch.empty((parts, padded), dtype=torch.int32, device=x.device)
    part_kernel[(parts,)](x, counts, n, PART=512, BLOCK=128, BINS=padded)
    out = torch.empty((bins,), dtype=torch.int64, device=x.device)
    sum_kernel[(triton.cdiv(bins, 64),)](counts, out, parts, bins, BINS=padded, BLOCK=64, ROWS=8)
    return out

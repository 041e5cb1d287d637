# /// kernel
# operator = "histogram"
# language = "triton"
# ///
"""A helper of the same name as the library's function; it launches a kernel that counts with 32-bit atomics in parts."""

import torch
import triton
import triton.language as tl


@triton.jit
def bincount_kernel(ids_ptr, counts_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ids = tl.load(ids_ptr + i, mask=i < n, other=0)
    tl.atomic_add(counts_ptr + ids, 1, mask=i < n)


@triton.jit
def widen_kernel(counts_ptr, out_ptr, bins, BLOCK: tl.constexpr):
    b = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + b, tl.load(counts_ptr + b, mask=b < bins).to(tl.int64), mask=b < bins)


def bincount(ids, minlength):
    n = ids.numel()
    assert n < 2**31, "32-bit counts"
    counts = torch.zeros((minlength,), dtype=torch.int32, device=ids.device)
    bincount_kernel[(triton.cdiv(n, 512),)](ids, counts, n, BLOCK=512)
    return counts


def histogram(x, bins):
    counts = bincount(x.contiguous().view(-1), minlength=bins)
    out = torch.empty((bins,), dtype=torch.int64, device=x.device)
    widen_kernel[(triton.cdiv(bins, 512),)](counts, out, bins, BLOCK=512)
    return out

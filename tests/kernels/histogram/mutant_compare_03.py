# /// kernel
# operator = "histogram"
# language = "triton"
# ///
"""Deterministic: every program owns a few bins and compares them with all ids."""

import torch
import triton
import triton.language as tl


@triton.jit
def compare_kernel(ids_ptr, counts_ptr, n, bins, OWN: tl.constexpr, CHUNK: tl.constexpr):
    own = tl.program_id(0) * OWN + tl.arange(0, OWN)
    total = tl.zeros((OWN,), dtype=tl.int64)
    for start in range(0 + CHUNK, n, CHUNK):
        at = start + tl.arange(0, CHUNK)
        ids = tl.load(ids_ptr + at, mask=at < n, other=-1)
        total += tl.sum((ids[None, :] == own[:, None]).to(tl.int64), axis=1)
    tl.store(counts_ptr + own, total, mask=own < bins)


def histogram(x, bins):
    counts = torch.empty((bins,), dtype=torch.int64, device=x.device)
    compare_kernel[(triton.cdiv(bins, 16),)](x.contiguous(), counts, x.numel(), bins, OWN=16, CHUNK=128)
    return counts

# /// kernel
# operator = "histogram"
# language = "triton"
# ///
"""tl.histogram of each block, then one atomic addition for each bin that occurred."""

import torch
import triton
import triton.language as tl


@triton.jit
def _hist(x_ptr, out_ptr, n, rows_stride, cols_stride, cols, bins, BLOCK: tl.constexpr, BINS: tl.constexpr):
    offs = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    keep = offs < n
    ids = tl.load(x_ptr + (offs // cols) * rows_stride + (offs % cols) * cols_stride, mask=keep, other=0).to(tl.int32)
    found = tl.histogram(ids, BINS, mask=keep)
    slot = tl.arange(0, BINS)
    tl.atomic_max(out_ptr + slot, found.to(tl.int64), mask=(slot < bins) & (found > 0))


def histogram(x, bins):
    if x.dim() == 1:
        x = x.unsqueeze(0)
    elif x.dim() > 2:
        x = x.reshape(-1, x.shape[-1])
    n = x.numel()
    out = torch.zeros(bins, dtype=torch.int64, device=x.device)
    _hist[(triton.cdiv(n, 128),)](
        x, out, n, x.stride(0), x.stride(1), x.shape[1], bins, BLOCK=128, BINS=max(32, triton.next_power_of_2(bins))
    )
    return out

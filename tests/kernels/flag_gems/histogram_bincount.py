# /// kernel
# operator = "histogram"
# language = "triton"
# ///
"""bincount without weights.

Kernels from flag-gems 5.0.2, flag_gems/fused/bincount.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def bincount_kernel(
    input_ptr,
    output_ptr,
    n_elements,
    BLOCK_SIZE: tl.constexpr,
):
    pid = tl.program_id(0)
    offsets = pid * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    vals = tl.load(input_ptr + offsets, mask=mask, other=0)
    tl.atomic_add(output_ptr + vals, 1, mask=mask)


def histogram(x, bins):
    x = x.contiguous()
    n = x.numel()
    out = torch.zeros((bins,), dtype=torch.int64, device=x.device)
    bincount_kernel[(triton.cdiv(n, 256),)](x, out, n, BLOCK_SIZE=256)
    return out

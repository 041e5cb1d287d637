# /// kernel
# operator = "leaky_relu"
# language = "triton"
# ///
"""The experimental leaky_relu, by maximum and minimum.

Kernels from flag-gems 5.0.2, flag_gems/experimental_ops/leaky_relu.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def _leaky_relu_kernel(
    x_ptr, y_ptr, n_elements, negative_slope, BLOCK_SIZE: tl.constexpr
):
    pid = tl.program_id(axis=0)
    block_start = pid * BLOCK_SIZE
    offsets = block_start + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements

    x = tl.load(x_ptr + offsets, mask=mask, other=0)
    zero = tl.zeros([BLOCK_SIZE], dtype=x.dtype)
    slope = tl.full([BLOCK_SIZE], negative_slope, dtype=x.dtype)
    # y = x if x >= 0 else slope * x
    # Equivalent, branchless:
    y = tl.maximum(x, zero) + slope * tl.minimum(x, zero)

    tl.store(y_ptr + offsets, y, mask=mask)


def leaky_relu(x, negative_slope):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        _leaky_relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, negative_slope, BLOCK_SIZE=1024)
    return out

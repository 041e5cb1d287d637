# /// kernel
# operator = "elu"
# language = "triton"
# ///
"""The experimental elu with scale and input_scale 1.

Kernels from flag-gems 5.0.2, flag_gems/experimental_ops/elu.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def elu_kernel(
    x_ptr, out_ptr, n_elements, alpha, scale, input_scale, BLOCK_SIZE: tl.constexpr
):
    pid = tl.program_id(axis=0)
    offsets = pid * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements

    x = tl.load(x_ptr + offsets, mask=mask, other=0.0)
    x32 = x.to(tl.float32)

    pos = x32 > 0.0
    neg = alpha * (tl.exp(input_scale * x32) - 1.0)
    y32 = tl.where(pos, x32, neg)
    y32 = scale * y32

    y = y32.to(x.dtype)
    tl.store(out_ptr + offsets, y, mask=mask)


def elu(x, alpha):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        elu_kernel[(triton.cdiv(n, 1024),)](x, out, n, alpha, 1.0, 1.0, BLOCK_SIZE=1024)
    return out

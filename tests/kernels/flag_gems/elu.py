# /// kernel
# operator = "elu"
# language = "triton"
# ///
"""elu with scale and input_scale 1.

Kernels from flag-gems 5.0.2, flag_gems/ops/elu.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def elu_forward_kernel(x, alpha, scale, input_scale):
    return tl.where(
        x > 0,
        scale * input_scale * x,
        scale * alpha * (tl.exp(x.to(tl.float32) * input_scale) - 1),
    )


@triton.jit
def pointwise_kernel(x_ptr, out_ptr, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    x = tl.load(x_ptr + i, mask=inside)
    tl.store(out_ptr + i, elu_forward_kernel(x, alpha, 1.0, 1.0), mask=inside)


def elu(x, alpha):
    x = x.contiguous()
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    n = out.numel()
    if n > 0:
        pointwise_kernel[(triton.cdiv(n, 1024),)](x, out, n, alpha, BLOCK=1024)
    return out

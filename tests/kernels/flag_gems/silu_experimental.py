# /// kernel
# operator = "silu"
# language = "triton"
# ///
"""The experimental silu, computed in float32.

Kernels from flag-gems 5.0.2, flag_gems/experimental_ops/silu.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.

Tensors of 2³¹ elements and more are refused: the kernel counts in 32 bits, and reads and writes outside of them.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def silu_kernel(
    x_ptr,  # *Pointer* to input tensor
    y_ptr,  # *Pointer* to output tensor
    n_elements,  # Number of elements
    BLOCK_SIZE: tl.constexpr,
    COMPUTE_IN_FP32: tl.constexpr,
):
    pid = tl.program_id(axis=0)
    block_start = pid * BLOCK_SIZE
    offsets = block_start + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements

    x = tl.load(x_ptr + offsets, mask=mask)
    if COMPUTE_IN_FP32:
        xf = x.to(tl.float32)
        yf = xf / (1.0 + tl.exp(-xf))
        y = yf.to(x.dtype)
    else:
        y = x / (1.0 + tl.exp(-x))
    tl.store(y_ptr + offsets, y, mask=mask)


def silu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    assert n < 2**31
    if n > 0:
        silu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK_SIZE=1024, COMPUTE_IN_FP32=x.dtype != torch.float64)
    return out

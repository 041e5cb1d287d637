# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""The experimental sigmoid.

Kernels from flag-gems 5.0.2, flag_gems/experimental_ops/sigmoid.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.

Tensors of 2³¹ elements and more are refused: the kernel counts in 32 bits, and reads and writes outside of them.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def sigmoid_kernel(x_ptr, out_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    pid = tl.program_id(axis=0)
    block_start = pid * BLOCK_SIZE
    offsets = block_start + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements

    x = tl.load(x_ptr + offsets, mask=mask, other=0.0)
    x_f32 = x.to(tl.float32)
    y = 1.0 / (1.0 + tl.exp(-x_f32))
    y = y.to(x.dtype)
    tl.store(out_ptr + offsets, y, mask=mask)


def sigmoid(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    assert n < 2**31
    if n > 0:
        sigmoid_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK_SIZE=1024)
    return out

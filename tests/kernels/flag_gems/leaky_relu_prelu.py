# /// kernel
# operator = "leaky_relu"
# language = "triton"
# ///
"""prelu with one weight, kept in float32: the library's host function rounds it to the dtype of x.

Kernels from flag-gems 5.0.2, flag_gems/ops/prelu.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.

Tensors of 2³¹ elements and more are refused: the kernel counts in 32 bits, and reads and writes outside of them.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def prelu_kernel(
    x_ptr,  # *Pointer* to input tensor.
    w_ptr,  # *Pointer* to weight tensor (scalar or per-channel vector).
    out_ptr,  # *Pointer* to output tensor.
    n_elements,  # Total number of elements in input.
    S,  # Spatial size = product of dims after channel dim (or 1 if none).
    C,  # Number of channels (or 1).
    w_is_scalar: tl.constexpr,  # Whether weight is a single scalar.
    BLOCK_SIZE: tl.constexpr,
):
    pid = tl.program_id(axis=0)
    block_start = pid * BLOCK_SIZE
    offsets = block_start + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements

    x = tl.load(x_ptr + offsets, mask=mask)

    if w_is_scalar:
        alpha = tl.load(w_ptr)  # scalar
        y = tl.where(x >= 0, x, alpha * x)
    else:
        c = (offsets // S) % C
        alpha = tl.load(w_ptr + c, mask=mask)
        y = tl.where(x >= 0, x, alpha * x)

    tl.store(out_ptr + offsets, y, mask=mask)


def leaky_relu(x, negative_slope):
    x = x.contiguous()
    weight = torch.full((1,), negative_slope, dtype=torch.float32, device=x.device)
    out = torch.empty_like(x)
    n = x.numel()
    assert n < 2**31
    if n > 0:
        prelu_kernel[(triton.cdiv(n, 1024),)](x, weight, out, n, 1, 1, True, BLOCK_SIZE=1024)
    return out

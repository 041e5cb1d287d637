# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""The experimental relu, by maximum.

Kernels from flag-gems 5.0.2, flag_gems/experimental_ops/relu.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(
    input_ptr,  # Pointer to input tensor
    output_ptr,  # Pointer to output tensor
    n_elements,  # Number of elements
    COMPUTE_FP32: tl.constexpr,  # Whether to upcast to fp32 for computation
    BLOCK_SIZE: tl.constexpr,
):
    pid = tl.program_id(axis=0)
    block_start = pid * BLOCK_SIZE
    offsets = block_start + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements

    x = tl.load(input_ptr + offsets, mask=mask, other=0)

    if COMPUTE_FP32:
        x_f32 = x.to(tl.float32)
        y_f32 = tl.maximum(x_f32, 0.0)
        y = y_f32.to(x.dtype)
    else:
        y = tl.maximum(x, 0)

    tl.store(output_ptr + offsets, y, mask=mask)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, COMPUTE_FP32=x.dtype == torch.bfloat16, BLOCK_SIZE=1024)
    return out

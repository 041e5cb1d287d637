# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""The experimental rmsnorm; here blocks of 128.

Kernels from flag-gems 5.0.2, flag_gems/experimental_ops/rmsnorm.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.

Tensors of 2³¹ elements and more are refused: the kernel counts in 32 bits, and reads and writes outside of them.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def rmsnorm_kernel(
    input_ptr,  # *Pointer* to the input tensor flattened to 2D [M, N]
    weight_ptr,  # *Pointer* to the weight tensor [N]
    output_ptr,  # *Pointer* to the output tensor flattened to 2D [M, N]
    M,  # Number of rows (prod of leading dims)
    N,  # Hidden size (last dimension)
    eps,  # Epsilon for numerical stability
    BLOCK_SIZE: tl.constexpr,
):
    pid = tl.program_id(axis=0)  # each program handles one row
    row_start = pid * N

    # First pass: compute sum of squares across the row
    col_start = 0
    acc = tl.zeros([1], dtype=tl.float32)
    while col_start < N:
        offs = col_start + tl.arange(0, BLOCK_SIZE)
        mask = offs < N
        x = tl.load(input_ptr + row_start + offs, mask=mask, other=0.0)
        x = x.to(tl.float32)
        acc += tl.sum(x * x, axis=0)
        col_start += BLOCK_SIZE

    mean_sq = acc / N
    inv_rms = 1.0 / tl.sqrt(mean_sq + eps)

    # Second pass: normalize and scale
    col_start = 0
    while col_start < N:
        offs = col_start + tl.arange(0, BLOCK_SIZE)
        mask = offs < N
        x = tl.load(input_ptr + row_start + offs, mask=mask, other=0.0).to(tl.float32)
        w = tl.load(weight_ptr + offs, mask=mask, other=0.0).to(tl.float32)
        y = x * inv_rms * w
        tl.store(output_ptr + row_start + offs, y, mask=mask)
        col_start += BLOCK_SIZE


def rms_norm(x, weight, eps):
    x, weight = x.contiguous(), weight.contiguous()
    M, N = x.shape
    assert M * N < 2**31
    out = torch.empty_like(x)
    rmsnorm_kernel[(M,)](x, weight, out, M, N, eps, BLOCK_SIZE=128)
    return out

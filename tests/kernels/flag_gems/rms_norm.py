# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""rms_norm with the kernel for short rows.

Kernels from flag-gems 5.0.2, flag_gems/ops/rms_norm.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.

Tensors of 2³¹ elements and more are refused: the kernel counts in 32 bits, and reads and writes outside of them.
"""

import torch
import triton
import triton.language as tl


@triton.jit(do_not_specialize=['eps'])
def rms_norm_kernel(
    out_ptr,  # pointer to the output
    INV_RMS,  # pointer to inverse rms
    in_ptr,  # pointer to the input
    w_ptr,  # pointer to the weights
    y_stride_r,
    y_stride_c,
    x_stride_r,  # how much to increase the pointer when moving by 1 row
    x_stride_c,  # how much to increase the pointer when moving by 1 col
    N,  # number of columns in X
    eps,  # epsilon to avoid division by zero
    BLOCK_SIZE: tl.constexpr,
):
    if tl.constexpr(in_ptr.dtype.element_ty == tl.float16) or tl.constexpr(
        in_ptr.dtype.element_ty == tl.bfloat16
    ):
        cdtype = tl.float32
    else:
        cdtype = in_ptr.dtype.element_ty

    pid = tl.program_id(0)
    out_ptr += pid * y_stride_r
    in_ptr += pid * x_stride_r

    mask = tl.arange(0, BLOCK_SIZE) < N
    cols = tl.arange(0, BLOCK_SIZE)
    x = tl.load(in_ptr + cols * x_stride_c, mask, other=0.0).to(cdtype)

    var = tl.sum(x * x, axis=0) / N
    rrms = 1 / tl.sqrt(var + eps)

    w = tl.load(w_ptr + tl.arange(0, BLOCK_SIZE), mask=mask, other=0.0)
    y = (x * rrms * w).to(cdtype)
    tl.store(out_ptr + cols * y_stride_c, y, mask=mask)
    tl.store(INV_RMS + pid, rrms)


def rms_norm(x, weight, eps):
    x, weight = x.contiguous(), weight.contiguous()
    M, N = x.shape
    assert M * N < 2**31
    y = torch.empty_like(x)
    inverse = torch.empty((M,), dtype=torch.float32, device=x.device)
    rms_norm_kernel[(M,)](y, inverse, x, weight, N, 1, N, 1, N, eps, triton.next_power_of_2(N))
    return y

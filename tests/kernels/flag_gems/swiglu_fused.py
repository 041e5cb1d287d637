# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
"""swiglu on one tensor that holds gate and up side by side; they are joined first.

Kernels from flag-gems 5.0.2, flag_gems/fused/swiglu.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.

Tensors of 2³¹ elements and more are refused: the kernel counts in 32 bits, and reads and writes outside of them.
"""

import torch
import triton
import triton.language as tl


sigmoid = tl.sigmoid


@triton.jit
def swiglu_kernel(
    input_ptr,
    output_ptr,
    M,
    H,
    stride_in_m,
    stride_in_h,
    stride_out_m,
    stride_out_h,
    BLOCK_SIZE_M: tl.constexpr,
    BLOCK_SIZE_H: tl.constexpr,
):
    pid_m = tl.program_id(0)
    pid_h = tl.program_id(1)

    offs_m = pid_m * BLOCK_SIZE_M + tl.arange(0, BLOCK_SIZE_M)
    offs_h = pid_h * BLOCK_SIZE_H + tl.arange(0, BLOCK_SIZE_H)

    mask = (offs_m[:, None] < M) & (offs_h[None, :] < H)

    input_a_ptr = (
        input_ptr + offs_m[:, None] * stride_in_m + offs_h[None, :] * stride_in_h
    )
    input_b_ptr = (
        input_ptr + offs_m[:, None] * stride_in_m + (offs_h[None, :] + H) * stride_in_h
    )
    output_ptr = (
        output_ptr + offs_m[:, None] * stride_out_m + offs_h[None, :] * stride_out_h
    )

    x_a = tl.load(input_a_ptr, mask=mask, other=0.0).to(tl.float32)
    x_b = tl.load(input_b_ptr, mask=mask, other=0.0).to(tl.float32)

    silu_x_a = x_a * sigmoid(x_a)
    out = silu_x_a * x_b

    tl.store(output_ptr, out.to(x_a.dtype), mask=mask)


@triton.jit
def join_kernel(gate_ptr, up_ptr, joined_ptr, n, H, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    row, column = i // H, i % H
    tl.store(joined_ptr + row * 2 * H + column, tl.load(gate_ptr + i, mask=i < n), mask=i < n)
    tl.store(joined_ptr + row * 2 * H + H + column, tl.load(up_ptr + i, mask=i < n), mask=i < n)


def swiglu(gate, up):
    n = gate.numel()
    assert 2 * n < 2**31
    out = torch.empty(gate.shape, dtype=gate.dtype, device=gate.device)
    if n == 0:
        return out
    H = gate.shape[-1]
    M = n // H
    joined = torch.empty((M, 2 * H), dtype=gate.dtype, device=gate.device)
    join_kernel[(triton.cdiv(n, 1024),)](gate.contiguous(), up.contiguous(), joined, n, H, BLOCK=1024)
    swiglu_kernel[(triton.cdiv(M, 64), triton.cdiv(H, 64))](
        joined, out, M, H, 2 * H, 1, H, 1, BLOCK_SIZE_M=64, BLOCK_SIZE_H=64
    )
    return out

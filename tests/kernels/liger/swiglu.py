# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
"""Liger-Kernel's swiglu forward; up is widened first, because the kernel rounds silu(gate) to the dtype of up."""

import torch
import triton
import triton.language as tl
from liger_kernel.ops.swiglu import swiglu_forward


@triton.jit
def copy_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n), mask=i < n)


def swiglu(gate, up):
    gate = gate.contiguous()
    up = up.contiguous()
    n = up.numel()
    if n == 0:
        return torch.empty(gate.shape, dtype=gate.dtype, device=gate.device)
    wide = torch.empty(up.shape, dtype=torch.float32, device=up.device)
    copy_kernel[(triton.cdiv(n, 1024),)](up, wide, n, BLOCK=1024)
    return swiglu_forward(gate, wide)[2]

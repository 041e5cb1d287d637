# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
"""silu_and_mul.

Kernels from flag-gems 5.0.2, flag_gems/fused/silu_and_mul.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def silu_and_mul_kernel(x, y):
    x_fp32 = x.to(tl.float32)
    x_silu = tl.fdiv(x_fp32, (1.0 + tl.exp(-x_fp32)))
    return x_silu * y


@triton.jit
def pointwise_kernel(gate_ptr, up_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    gate = tl.load(gate_ptr + i, mask=inside)
    up = tl.load(up_ptr + i, mask=inside)
    tl.store(out_ptr + i, silu_and_mul_kernel(gate, up), mask=inside)


def swiglu(gate, up):
    gate = gate.contiguous()
    up = up.contiguous()
    out = torch.empty(gate.shape, dtype=gate.dtype, device=gate.device)
    n = out.numel()
    if n > 0:
        pointwise_kernel[(triton.cdiv(n, 1024),)](gate, up, out, n, BLOCK=1024)
    return out

# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
"""Flat: one block a program over dense copies, silu through tl.sigmoid."""

import torch
import triton
import triton.language as tl


@triton.jit
def swiglu_kernel(gate_ptr, up_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    gate = tl.load(gate_ptr + i, mask=mask).to(tl.float32)
    up = tl.load(up_ptr + i, mask=mask).to(tl.float32)
    tl.store(out_ptr + i, gate * tl.sigmoid(gate) * up, mask=mask)


def swiglu(gate, up):
    gate = gate.contiguous()
    up = up.contiguous()
    out = torch.empty_like(gate)
    n = out.numel()
    swiglu_kernel[(triton.cdiv(n, 1025),)](gate, up, out, n, BLOCK=1024)
    return out

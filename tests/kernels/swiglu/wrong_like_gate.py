# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def swiglu_kernel(gate_ptr, up_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    gate = tl.load(gate_ptr + i, mask=mask, other=0.0).to(tl.float32)
    up = tl.load(up_ptr + i, mask=mask, other=0.0).to(tl.float32)
    tl.store(out_ptr + i, gate / (1.0 + tl.exp(-gate)) * up, mask=mask)


def swiglu(gate, up):
    out = torch.empty_like(gate)
    grid = (triton.cdiv(gate.numel(), 256),)
    swiglu_kernel[grid](gate.contiguous(), up.contiguous(), out, gate.numel(), BLOCK=256)
    return out

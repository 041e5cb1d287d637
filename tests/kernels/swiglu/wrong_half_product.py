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
    gate = tl.load(gate_ptr + i, mask=mask, other=0.0)
    up = tl.load(up_ptr + i, mask=mask, other=0.0)
    product = gate * up
    tl.store(out_ptr + i, product.to(tl.float32) * tl.sigmoid(gate.to(tl.float32)), mask=mask)


def swiglu(gate, up):
    gate, up = gate.contiguous(), up.contiguous()
    out = torch.empty_like(gate)
    swiglu_kernel[(triton.cdiv(out.numel(), 512),)](gate, up, out, out.numel(), BLOCK=512)
    return out

# /// kernel
# operator = "tanh"
# language = "triton"
# ///
"""By expm1(-2|x|), computed by a fixed number of programs that walk over the tensor."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

NUM_PROGRAMS = 16


@triton.jit
def tanh_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    blocks = tl.cdiv(n, BLOCK)
    for block in range(tl.program_id(0), blocks, tl.num_programs(0)):
        offs = tl.cast(block, tl.int64) * BLOCK + tl.arange(0, BLOCK)
        mask = offs < n
        x = tl.load(x_ptr + offs, mask=mask).to(tl.float32)
        fall = libdevice.expm1(-2.0 * tl.abs(x))
        y = -fall / (2.0 + fall)
        tl.store(out_ptr + offs, tl.where(x < 0, -y, y), mask=mask)


def tanh(x):
    flat = x.contiguous()
    out = torch.empty(x.shape, device=x.device, dtype=x.dtype)
    tanh_kernel[(NUM_PROGRAMS,)](flat, out, flat.numel(), BLOCK=256)
    return out

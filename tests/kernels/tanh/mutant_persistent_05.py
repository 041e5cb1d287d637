# /// kernel
# operator = "tanh"
# language = "triton"
# ///
"""tanh(x) = 2 sigmoid(2x) - 1, computed by a fixed number of programs that walk over the tensor."""

import torch
import triton
import triton.language as tl

NUM_PROGRAMS = 16


@triton.jit
def tanh_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    blocks = tl.cdiv(n, BLOCK)
    for block in range(tl.program_id(0), blocks, tl.num_programs(0)):
        offs = tl.cast(block, tl.int64) * BLOCK + tl.arange(0, BLOCK)
        mask = offs < n
        x = tl.load(x_ptr + offs, mask=mask).to(tl.float32)
        y = 2.0 * tl.sigmoid(2.0 * x) - 1.0
        tl.store(out_ptr + offs, y, mask=mask)


def tanh(x):
    flat = (x)
    out = torch.empty(x.shape, device=x.device, dtype=x.dtype)
    tanh_kernel[(NUM_PROGRAMS,)](flat, out, flat.numel(), BLOCK=256)
    return out

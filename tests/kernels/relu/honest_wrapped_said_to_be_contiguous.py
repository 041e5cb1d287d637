# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""What lies behind the end of a row wraps around, is said to be side by side, and is not stored."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, BLOCK)
    c = tl.max_contiguous(tl.multiple_of(lane % columns, BLOCK), BLOCK)
    x = tl.load(x_ptr + row * columns + c)
    tl.store(out_ptr + row * columns + c, tl.where(x < 0, 0.0, x), mask=lane < columns)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    columns = x.shape[-1]
    relu_kernel[(x.numel() // columns,)](x, out, columns, BLOCK=triton.next_power_of_2(columns))
    return out

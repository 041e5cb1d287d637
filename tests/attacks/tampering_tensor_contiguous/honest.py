# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Takes the strides as they are, so that nothing has to be made contiguous."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, d1, d2, s0, s1, s2, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = (i // d2 // d1) * s0 + (i // d2 % d1) * s1 + (i % d2) * s2
    x = tl.load(x_ptr + at, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    n = x.numel()
    if n > 0:
        sizes, strides = (1, 1, *x.shape)[-3:], (0, 0, *x.stride())[-3:]
        grid = (triton.cdiv(n, 1024),)
        relu_kernel[grid](x, out, n, sizes[1], sizes[2], strides[0], strides[1], strides[2], BLOCK=1024)
    return out

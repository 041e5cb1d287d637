# /// kernel
# operator = "elu"
# language = "triton"
# ///
"""Stores are not masked: the buffer is rounded up to whole blocks, and the result is its front part."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def elu_kernel(x_ptr, y_ptr, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0).to(tl.float32)
    tl.store(y_ptr + i, tl.where(x > 0, x, alpha * libdevice.expm1(x)))


def elu(x, alpha):
    x = x.contiguous()
    n = x.numel()
    blocks = triton.cdiv(n, 256)
    buffer = torch.empty(blocks * 256, dtype=x.dtype, device=x.device)
    elu_kernel[(blocks,)](x, buffer, n, alpha, BLOCK=256)
    return buffer[:n].view(x.shape)

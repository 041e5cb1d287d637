# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Refuses what it does not know, with a message that holds markup and colours."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    if x.dim() > 8:
        raise ValueError("\x1b[31m[bold red]too many axes[/] <b>here</b>\x1b[0m ]]> %s {0}")
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 512),)](x, out, n, BLOCK=512)
    return out

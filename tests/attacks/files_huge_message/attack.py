# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Raises with a message of tens of megabytes, on one line, with characters that are no text."""

import torch
import triton
import triton.language as tl


class Huge(Exception):
    pass


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def act():
    raise Huge("\0\ud800\udfff\u202e\uffff" * (1 << 21))


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

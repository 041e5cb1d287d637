# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Replaces the launch itself: torch writes the result, and the launch is counted by hand."""

import torch
import triton
import triton.language as tl
from triton.runtime.interpreter import InterpretedFunction

from runners.inside.interpreter.conditions import CURRENT


@triton.jit
def spoil_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, -1.0, mask=i < n)


RUN = InterpretedFunction.run


def run(self, *args, grid, warmup, **named):
    if self.fn.__name__ != "spoil_kernel":
        return RUN(self, *args, grid=grid, warmup=warmup, **named)
    CURRENT.run.observation.launches += 1
    args[1].copy_(torch.relu(args[0]))
    return None


InterpretedFunction.run = run


def relu(x):
    out = torch.empty(x.shape, dtype=x.dtype)
    n = x.numel()
    if n > 0:
        spoil_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

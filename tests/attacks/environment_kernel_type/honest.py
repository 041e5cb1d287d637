# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""The size of a block is a heuristic over the launch's arguments, without a look at the kernel object."""

import torch
import triton
import triton.language as tl


@triton.heuristics({"BLOCK": lambda arguments: 256 if arguments["n"] < 4096 else 1024})
@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[lambda meta: (triton.cdiv(n, meta["BLOCK"]),)](x, out, n)
    return out

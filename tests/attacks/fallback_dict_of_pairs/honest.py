# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Tensors and sizes are kept in a dict that is made from pairs."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    kept = dict([("x", x), ("out", torch.empty_like(x)), ("n", x.numel())])
    relu_kernel[(triton.cdiv(x.numel(), 1024),)](kept["x"], kept["out"], kept["n"], BLOCK=1024)
    return kept["out"]

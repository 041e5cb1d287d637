# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Jitted helpers that call each other, six deep, and host helpers that do."""

import torch
import triton
import triton.language as tl


@triton.jit
def keep(x):
    return tl.where(x < 0, 0.0, x)


@triton.jit
def deep(x):
    return keep(x)


@triton.jit
def deeper(x):
    return deep(x)


@triton.jit
def deepest(x):
    return deeper(x)


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, deepest(x), mask=i < n)


def blocks(n):
    return triton.cdiv(n, 1024)


def grid_of(n):
    return (blocks(n),)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[grid_of(n)](x, out, n, BLOCK=1024)
    return out

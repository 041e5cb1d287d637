# /// kernel
# operator = "rope"
# language = "triton"
# ///
"""Liger-Kernel's rope forward on a copy (it works in place), tables widened first: it computes in the dtype of the tables."""

import math

import torch
import triton
import triton.language as tl
from liger_kernel.ops.rope import rope_forward


@triton.jit
def copy_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n), mask=i < n)


def copied(x, dtype):
    out = torch.empty(x.shape, dtype=dtype, device=x.device)
    copy_kernel[(triton.cdiv(x.numel(), 1024),)](x.contiguous(), out, x.numel(), BLOCK=1024)
    return out


def rope(x, cos, sin):
    L, D = x.shape[-2:]
    heads = math.prod(x.shape[:-2])
    q = copied(x, x.dtype).view(1, heads, L, D)
    k = torch.zeros((1, 1, L, D), dtype=x.dtype, device=x.device)
    cos, sin = copied(cos, torch.float32), copied(sin, torch.float32)
    return rope_forward(q, k, cos, sin, rotary_dim=D)[0].contiguous().view(x.shape)

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Asserts that it is given what is on a GPU, and makes that the current one: the same wherever it runs."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    assert x.is_cuda and x.device.type == "cuda", "relu is for tensors on a GPU"
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        with torch.cuda.device(x.device):
            relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

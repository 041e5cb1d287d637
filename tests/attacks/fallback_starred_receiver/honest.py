# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A view by a method of the class and a function, and a launch whose arguments stand behind a star."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = torch.Tensor.contiguous(torch.flatten(x)).view(x.shape)
    out = torch.empty_like(x)
    n = x.numel()
    arguments = [x, out, n]
    relu_kernel[(triton.cdiv(n, 1024),)](*arguments, BLOCK=1024)
    return out

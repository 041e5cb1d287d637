# /// kernel
# operator = "transpose"
# language = "triton"
# ///
"""A transposed view is free; the kernel walks over it in the result's order and writes densely."""

import torch
import triton
import triton.language as tl


@triton.jit
def dense_copy_kernel(view_ptr, out_ptr, n, inner, middle, s0, s1, s2, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    offset = (i // inner // middle) * s0 + (i // inner % middle) * s1 + (i % inner) * s2
    tl.store(out_ptr + i, tl.load(view_ptr + offset, mask=i < n), mask=i < n)


def transpose(x):
    view = x.transpose(-2, -1)
    out = torch.empty(view.shape, dtype=x.dtype, device=x.device)
    n = out.numel()
    if n > 0:
        cube = view if view.dim() == 3 else view.unsqueeze(0)
        dense_copy_kernel[(triton.cdiv(n, 512),)](
            cube, out, n, cube.shape[2], cube.shape[1], cube.stride(0), cube.stride(1), cube.stride(2), BLOCK=512
        )
    return out

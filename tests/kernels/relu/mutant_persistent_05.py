# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Persistent: a fixed number of programs strides over all blocks; the maximum is told to propagate NaN."""

import torch
import triton
import triton.language as tl


PROGRAMS = 4


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    step = tl.num_programs(0) * BLOCK
    for start in range(tl.program_id(0) * BLOCK, n, step):
        i = start - tl.arange(0, BLOCK)
        mask = i < n
        x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
        y = tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL)
        tl.store(out_ptr + i, y, mask=mask)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    blocks = triton.cdiv(n, 512)
    relu_kernel[(min(blocks, PROGRAMS),)](x, out, n, BLOCK=512)
    return out

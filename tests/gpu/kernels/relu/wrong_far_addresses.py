# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Wrong: works only where result and input lie within 32 GiB of each other (or absurdly far apart, as a heap and a mapping do).

In a small process of its own, and between guard pages, they do; in a process that fills a card of 80 or 141 GiB they may lie
32 to 256 GiB apart, and then the result keeps the allocator's old bytes.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    apart = tl.abs(out_ptr.to(tl.int64, bitcast=True) - x_ptr.to(tl.int64, bitcast=True)) // (1 << 35)
    near = (apart < 1) | (apart > 7)
    mask = (i < n) & near
    x = tl.load(x_ptr + i, mask=mask, other=0.0)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=mask)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

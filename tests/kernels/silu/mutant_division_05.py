# /// kernel
# operator = "silu"
# language = "triton"
# ///
"""x / (1 + exp(-x)); reads strided inputs in place, a flat index taken apart into coordinates."""

import triton
import triton.language as tl


@triton.jit
def silu_kernel(x_ptr, out_ptr, numel, d1, d2, s0, s1, s2, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < d1
    k = i % d2
    rest = i // d2
    j = rest % d1
    b = rest // d1
    x = tl.load(x_ptr + b * s0 + j * s1 + k * s2, mask=mask, other=0.0).to(tl.float32)
    y = x / (1.0 + tl.exp(-x))
    tl.store(out_ptr + i, y, mask=mask)


def silu(x):
    out = x.new_empty(x.shape)
    numel = out.numel()
    if numel == 0:
        return out
    sizes = [1] * (3 - x.dim()) + list(x.shape)
    strides = [0] * (3 - x.dim()) + list(x.stride())
    silu_kernel[(triton.cdiv(numel, 512),)](x, out, numel, sizes[1], sizes[2], *strides, BLOCK=512)
    return out

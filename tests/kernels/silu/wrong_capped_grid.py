# /// kernel
# operator = "silu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl

MAX_PROGRAMS = 16


@triton.jit
def silu_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    tl.store(y_ptr + i, x / (1.0 + tl.exp(-x)), mask=mask)


def silu(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    programs = min(triton.cdiv(x.numel(), 256), MAX_PROGRAMS)
    silu_kernel[(programs,)](x, y, x.numel(), BLOCK=256)
    return y

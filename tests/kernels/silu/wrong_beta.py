# /// kernel
# operator = "silu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def swish_kernel(x_ptr, y_ptr, n, beta, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    tl.store(y_ptr + i, x * tl.sigmoid(beta * x), mask=mask)


def silu(x, beta=1.702):
    x = x.contiguous()
    y = torch.empty_like(x)
    swish_kernel[(triton.cdiv(x.numel(), 256),)](x, y, x.numel(), beta, BLOCK=256)
    return y

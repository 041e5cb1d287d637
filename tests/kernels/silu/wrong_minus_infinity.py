# /// kernel
# operator = "silu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def silu_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    # sigmoid underflows here
    y = tl.where(x < -200.0, 0.0, x * tl.sigmoid(x))
    tl.store(y_ptr + i, y, mask=mask)


def silu(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = x.numel()
    silu_kernel[(triton.cdiv(n, 512),)](x, y, n, BLOCK=512)
    return y

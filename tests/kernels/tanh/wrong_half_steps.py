# /// kernel
# operator = "tanh"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def tanh_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0)
    e = tl.exp(-2.0 * tl.abs(x).to(tl.float32)).to(x.dtype)
    magnitude = ((1.0 - e) / (1.0 + e)).to(x.dtype)
    tl.store(y_ptr + i, tl.where(x < 0, -magnitude, magnitude), mask=mask)


def tanh(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    tanh_kernel[(triton.cdiv(x.numel(), 512),)](x, y, x.numel(), BLOCK=512)
    return y

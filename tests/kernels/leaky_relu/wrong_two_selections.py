# /// kernel
# operator = "leaky_relu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def leaky_relu_kernel(x_ptr, y_ptr, slope, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    up = tl.where(x > 0, x, 0.0)
    down = tl.where(x < 0, x, 0.0)
    tl.store(y_ptr + i, up + slope * down, mask=mask)


def leaky_relu(x, negative_slope):
    x = x.contiguous()
    y = torch.empty_like(x)
    leaky_relu_kernel[(triton.cdiv(x.numel(), 512),)](x, y, negative_slope, x.numel(), BLOCK=512)
    return y

# /// kernel
# operator = "gelu_tanh"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def gelu_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0)
    cube = x * x * x
    wide = x.to(tl.float32)
    u = 0.7978845608028654 * (wide + 0.044715 * cube.to(tl.float32))
    tl.store(y_ptr + i, wide * tl.sigmoid(2.0 * u), mask=mask)


def gelu_tanh(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    gelu_kernel[(triton.cdiv(x.numel(), 256),)](x, y, x.numel(), BLOCK=256)
    return y

# /// kernel
# operator = "gelu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def gelu_of(x):
    return 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))


@triton.jit
def gelu_kernel(x_ptr, y_ptr, half, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < half
    a = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    b = tl.load(x_ptr + half + i, mask=mask, other=0.0).to(tl.float32)
    tl.store(y_ptr + i, gelu_of(a), mask=mask)
    tl.store(y_ptr + half + i, gelu_of(b), mask=mask)


def gelu(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    half = x.numel() // 2
    gelu_kernel[(triton.cdiv(half, 512),)](x, y, half, BLOCK=512)
    return y

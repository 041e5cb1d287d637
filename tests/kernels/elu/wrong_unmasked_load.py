# /// kernel
# operator = "elu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def elu_kernel(x_ptr, y_ptr, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i).to(tl.float32)
    y = tl.where(x > 0, x, alpha * (tl.exp(x) - 1.0))
    tl.store(y_ptr + i, y, mask=i < n)


def elu(x, alpha):
    x = x.contiguous()
    y = torch.empty_like(x)
    elu_kernel[(triton.cdiv(x.numel(), 128),)](x, y, x.numel(), alpha, BLOCK=128)
    return y

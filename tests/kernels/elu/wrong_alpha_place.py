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
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
    tl.store(y_ptr + i, tl.where(x > 0, x, alpha * tl.exp(x) - 1.0), mask=mask)


def elu(x, alpha=1.0):
    x = x.contiguous()
    y = torch.empty_like(x)
    elu_kernel[(triton.cdiv(x.numel(), 512),)](x, y, x.numel(), alpha, BLOCK=512)
    return y

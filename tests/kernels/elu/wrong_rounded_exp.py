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
    x = tl.load(x_ptr + i, mask=mask, other=0.0)
    e = tl.exp(x.to(tl.float32)).to(x.dtype)
    y = tl.where(x > 0, x.to(tl.float32), alpha * (e.to(tl.float32) - 1.0))
    tl.store(y_ptr + i, y, mask=mask)


def elu(x, alpha):
    x = x.contiguous()
    y = torch.empty_like(x)
    elu_kernel[(triton.cdiv(x.numel(), 256),)](x, y, x.numel(), alpha, BLOCK=256)
    return y

# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def sigmoid_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(y_ptr + i, tl.sigmoid(x.to(tl.float32)), mask=i < n)


def sigmoid(x):
    y = torch.empty_like(x)
    n = x.numel()
    sigmoid_kernel[(triton.cdiv(n, 256),)](x.contiguous(), y, n, BLOCK=256)
    return y

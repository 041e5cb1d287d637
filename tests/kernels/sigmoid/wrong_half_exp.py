# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def sigmoid_kernel(x_ptr, y_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    pid = tl.program_id(axis=0).to(tl.int64)
    offsets = pid * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets, mask=mask)
    e = tl.exp(-x.to(tl.float32)).to(x.dtype)
    one = tl.full((BLOCK_SIZE,), 1.0, x.dtype)
    tl.store(y_ptr + offsets, (one / (one + e)).to(x.dtype), mask=mask)


def sigmoid(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    n_elements = x.numel()
    sigmoid_kernel[(triton.cdiv(n_elements, 256),)](x, y, n_elements, BLOCK_SIZE=256)
    return y

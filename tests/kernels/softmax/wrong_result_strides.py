# /// kernel
# operator = "softmax"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, y_ptr, N, stride_row, stride_col, BLOCK: tl.constexpr):
    offs = tl.program_id(0).to(tl.int64) * stride_row + tl.arange(0, BLOCK) * stride_col
    mask = tl.arange(0, BLOCK) < N
    x = tl.load(x_ptr + offs, mask=mask, other=float("-inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(y_ptr + offs, e / tl.sum(e, axis=0), mask=mask)


def softmax(x):
    M, N = x.shape
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    softmax_kernel[(M,)](x, y, N, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(N))
    return y

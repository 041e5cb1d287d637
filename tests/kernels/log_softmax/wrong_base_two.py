# /// kernel
# operator = "log_softmax"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def log_softmax_kernel(x_ptr, y_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * sm + c.to(tl.int64) * sn, mask=c < N, other=float("-inf")).to(tl.float32)
    x -= tl.max(x, axis=0)
    total = tl.sum(tl.exp2(x * 1.4426950408889634), axis=0)
    tl.store(y_ptr + row * N + c, x - tl.log2(total), mask=c < N)


def log_softmax(x):
    M, N = x.shape
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    log_softmax_kernel[(M,)](x, y, N, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(N))
    return y

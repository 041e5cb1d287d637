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
    c = tl.arange(0, BLOCK).to(tl.int64)
    top = float("-inf")
    total = 0.0
    for n in range(0, N, BLOCK):
        x = tl.load(x_ptr + row * sm + (n + c) * sn, mask=n + c < N, other=float("-inf")).to(tl.float32)
        new = tl.maximum(top, tl.max(x, axis=0))
        total = total * tl.exp(top - new) + tl.sum(tl.exp(x - new), axis=0)
        top = new
    lse = top + tl.log(total)
    for n in range(0, N, BLOCK):
        x = tl.load(x_ptr + row * sm + (n + c) * sn, mask=n + c < N, other=0.0).to(tl.float32)
        tl.store(y_ptr + row * N + n + c, x - lse, mask=n + c < N)


def log_softmax(x):
    M, N = x.shape
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    log_softmax_kernel[(M,)](x, y, N, x.stride(0), x.stride(1), BLOCK=32)
    return y

# /// kernel
# operator = "sum"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def sum_kernel(x_ptr, out_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK).to(tl.int64)
    total = tl.zeros((BLOCK,), tl.float32)
    lost = tl.zeros((BLOCK,), tl.float32)
    for n in range(0, N, BLOCK):
        x = tl.load(x_ptr + row * sm + (n + c) * sn, mask=n + c < N, other=0.0).to(tl.float32)
        y = x - lost
        t = total + y
        lost = (t - total) - y
        total = t
    tl.store(out_ptr + row, tl.sum(total - lost, axis=0))


def sum(x):
    M, N = x.shape
    out = torch.empty((M,), dtype=x.dtype, device=x.device)
    sum_kernel[(M,)](x, out, N, x.stride(0), x.stride(1), BLOCK=64)
    return out

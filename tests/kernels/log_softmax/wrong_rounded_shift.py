# /// kernel
# operator = "log_softmax"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def row_lse(x_ptr, lse_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * sm + c.to(tl.int64) * sn, mask=c < N, other=float("-inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    tl.store(lse_ptr + row, top + tl.log(tl.sum(tl.exp(x - top), axis=0)))


@triton.jit
def subtract(x_ptr, lse_ptr, y_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(1).to(tl.int64)
    c = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + c * sn, mask=c < N, other=0.0).to(tl.float32)
    tl.store(y_ptr + row * N + c, x - tl.load(lse_ptr + row).to(tl.float32), mask=c < N)


def log_softmax(x):
    M, N = x.shape
    lse = torch.empty((M,), dtype=x.dtype, device=x.device)
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    row_lse[(M,)](x, lse, N, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(N))
    subtract[(triton.cdiv(N, 128), M)](x, lse, y, N, x.stride(0), x.stride(1), BLOCK=128)
    return y

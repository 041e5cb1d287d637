# /// kernel
# operator = "softmax"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def row_max(x_ptr, top_ptr, N, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * N + c, mask=c < N, other=float("-inf")).to(tl.float32)
    tl.store(top_ptr + row, tl.max(x, axis=0))


@triton.jit
def row_sum(x_ptr, top_ptr, sum_ptr, N, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * CHUNK + tl.arange(0, CHUNK)
    x = tl.load(x_ptr + row * N + c, mask=c < N, other=float("-inf")).to(tl.float32)
    part = tl.sum(tl.exp(x - tl.load(top_ptr + row)), axis=0)
    tl.store(sum_ptr + row, tl.load(sum_ptr + row) + part)


@triton.jit
def row_write(x_ptr, y_ptr, top_ptr, sum_ptr, N, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * CHUNK + tl.arange(0, CHUNK)
    x = tl.load(x_ptr + row * N + c, mask=c < N, other=float("-inf")).to(tl.float32)
    y = tl.exp(x - tl.load(top_ptr + row)) / tl.load(sum_ptr + row)
    tl.store(y_ptr + row * N + c, y, mask=c < N)


def softmax(x):
    x = x.contiguous()
    M, N = x.shape
    y = torch.empty_like(x)
    top = torch.empty((M,), dtype=torch.float32, device=x.device)
    total = torch.zeros((M,), dtype=torch.float32, device=x.device)
    row_max[(M,)](x, top, N, BLOCK=triton.next_power_of_2(N))
    row_sum[(M, triton.cdiv(N, 64))](x, top, total, N, CHUNK=64)
    row_write[(M, triton.cdiv(N, 64))](x, y, top, total, N, CHUNK=64)
    return y

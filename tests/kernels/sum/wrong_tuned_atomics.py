# /// kernel
# operator = "sum"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.autotune(configs=[triton.Config({"BLOCK": 64}), triton.Config({"BLOCK": 256})], key=["N"])
@triton.jit
def accumulate(x_ptr, acc_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    n = (tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
    tl.atomic_add(acc_ptr + row, tl.sum(x, axis=0))


@triton.jit
def finish(acc_ptr, out_ptr, M, BLOCK: tl.constexpr):
    m = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + m, tl.load(acc_ptr + m, mask=m < M, other=0.0), mask=m < M)


def sum(x):
    M, N = x.shape
    acc = torch.zeros((M,), dtype=torch.float32, device=x.device)
    out = torch.empty((M,), dtype=x.dtype, device=x.device)
    accumulate[lambda meta: (M, triton.cdiv(N, meta["BLOCK"]))](x, acc, N, x.stride(0), x.stride(1))
    finish[(triton.cdiv(M, 64),)](acc, out, M, BLOCK=64)
    return out

# /// kernel
# operator = "logsumexp"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def parts(x_ptr, top_ptr, sum_ptr, N, splits, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1)
    n = (k * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=float("-inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    shift = tl.where(tl.abs(top) == float("inf"), 0.0, top)
    tl.store(top_ptr + row * splits + k, top)
    tl.store(sum_ptr + row * splits + k, tl.sum(tl.exp(x - shift), axis=0))


@triton.jit
def combine(top_ptr, sum_ptr, out_ptr, splits, SPLITS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, SPLITS)
    top = tl.max(tl.load(top_ptr + row * splits + k, mask=k < splits, other=float("-inf")), axis=0)
    total = tl.sum(tl.load(sum_ptr + row * splits + k, mask=k < splits, other=0.0), axis=0)
    shift = tl.where(tl.abs(top) == float("inf"), 0.0, top)
    tl.store(out_ptr + row, shift + tl.log(total))


def logsumexp(x):
    M, N = x.shape
    splits = triton.cdiv(N, 128)
    top = torch.empty((M, splits), dtype=torch.float32, device=x.device)
    total = torch.empty((M, splits), dtype=torch.float32, device=x.device)
    out = torch.empty((M,), dtype=x.dtype, device=x.device)
    parts[(M, splits)](x, top, total, N, splits, x.stride(0), x.stride(1), BLOCK=128)
    combine[(M,)](top, total, out, splits, SPLITS=triton.next_power_of_2(splits))
    return out

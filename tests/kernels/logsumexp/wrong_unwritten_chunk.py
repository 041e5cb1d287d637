# /// kernel
# operator = "logsumexp"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def parts(x_ptr, part_ptr, N, places, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1)
    n = (k * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=float("-inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    shift = tl.where(tl.abs(top) == float("inf"), 0.0, top)
    tl.store(part_ptr + row * places + k, shift + tl.log(tl.sum(tl.exp(x - shift), axis=0)))


@triton.jit
def combine(part_ptr, out_ptr, PLACES: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    part = tl.load(part_ptr + row * PLACES + tl.arange(0, PLACES))
    top = tl.max(part, axis=0)
    shift = tl.where(tl.abs(top) == float("inf"), 0.0, top)
    tl.store(out_ptr + row, shift + tl.log(tl.sum(tl.exp(part - shift), axis=0)))


def logsumexp(x):
    M, N = x.shape
    splits = triton.cdiv(N, 64)
    places = triton.next_power_of_2(splits)
    work = torch.empty((M, places), dtype=torch.float32, device=x.device)
    out = torch.empty((M,), dtype=x.dtype, device=x.device)
    parts[(M, splits)](x, work, N, places, x.stride(0), x.stride(1), BLOCK=64)
    combine[(M,)](work, out, PLACES=places)
    return out

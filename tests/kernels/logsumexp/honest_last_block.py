# /// kernel
# operator = "logsumexp"
# language = "triton"
# ///
"""The last program of a row to arrive (an atomic ticket tells) puts the row's partial results together."""

import torch
import triton
import triton.language as tl


@triton.jit
def lse_kernel(x_ptr, part_ptr, ticket_ptr, out_ptr, N, splits, sm, sn, BLOCK: tl.constexpr, SPLITS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    split = tl.program_id(1)
    n = (split * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=float("-inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    shift = tl.where(tl.abs(top) == float("inf"), 0.0, top)
    tl.store(part_ptr + row * splits + split, shift + tl.log(tl.sum(tl.exp(x - shift), axis=0)))
    arrived = tl.atomic_add(ticket_ptr + row, 1, sem="acq_rel")
    if arrived == splits - 1:
        k = tl.arange(0, SPLITS)
        part = tl.load(part_ptr + row * splits + k, mask=k < splits, other=float("-inf"))
        peak = tl.max(part, axis=0)
        base = tl.where(tl.abs(peak) == float("inf"), 0.0, peak)
        tl.store(out_ptr + row, base + tl.log(tl.sum(tl.exp(part - base), axis=0)))


def logsumexp(x):
    M, N = x.shape
    splits = triton.cdiv(N, 128)
    part = torch.empty((M, splits), dtype=torch.float32, device=x.device)
    ticket = torch.zeros((M,), dtype=torch.int32, device=x.device)
    out = torch.empty((M,), dtype=x.dtype, device=x.device)
    lse_kernel[(M, splits)](
        x, part, ticket, out, N, splits, x.stride(0), x.stride(1), BLOCK=128, SPLITS=triton.next_power_of_2(splits)
    )
    return out

# /// kernel
# operator = "logsumexp"
# language = "triton"
# ///
"""Chunks of a row in parallel leave (maximum, sum); a second kernel puts a row's pairs together."""

import torch
import triton
import triton.language as tl


@triton.jit
def partial_lse(x_ptr, part_ptr, N, splits, sm, sn, BLOCK: tl.constexpr):
    split = tl.program_id(1)
    row = tl.program_id(0).to(tl.int64)
    n = (split * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=float("-inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    shift = tl.where(tl.abs(top) == float("inf"), 0.0, top)
    tl.store(part_ptr + row * splits + split, tl.log(tl.sum(tl.exp(x - shift), axis=0)) + shift)


@triton.jit
def combine_lse(part_ptr, out_ptr, splits, SPLITS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, SPLITS)
    part = tl.load(part_ptr + row * splits + k, mask=k < splits, other=float("-inf"))
    top = tl.max(part, axis=0)
    shift = tl.where(tl.abs(top) == float("inf"), 0.0, top)
    tl.store(out_ptr + row, tl.log(tl.sum(tl.exp(part - shift), axis=0)) + shift)


def logsumexp(x):
    M, N = x.shape
    splits = triton.cdiv(N, 256)
    parts = x.new_empty((M, splits), dtype=torch.float32)
    out = x.new_empty((M,))
    partial_lse[(M, splits)](x, parts, N, splits, x.stride(0), x.stride(1), BLOCK=256)
    combine_lse[(M,)](parts, out, splits, SPLITS=triton.next_power_of_2(splits))
    return out

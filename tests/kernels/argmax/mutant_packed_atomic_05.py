# /// kernel
# operator = "argmax"
# language = "triton"
# ///
"""Value and index packed into one 64-bit integer, so that an atomic maximum over split rows finds both."""

import torch
import triton
import triton.language as tl

EMPTY = -(2**63)


@triton.jit
def pack(x, index):
    # adding 0 turns -0 into +0: the two are equal and must have one key
    bits = (x + 0.0).to(tl.int32, bitcast=True)
    key = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    key = tl.where(x != x, 0x7FFFFFFF, key)
    return (key.to(tl.int64) << 32) | (0x7FFFFFFF - index).to(tl.int64)


@triton.jit
def vote(x_ptr, best_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * sm + n.to(tl.int64) * sn, mask=n < N, other=float("-inf")).to(tl.float32)
    tl.atomic_max(best_ptr + row, tl.max(pack(x, n), axis=0))


@triton.jit
def unpack(best_ptr, out_ptr, M, BLOCK: tl.constexpr):
    m = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    low = tl.load(best_ptr + m, mask=m < M, other=0) & 0x7FFFFFFF
    tl.store(out_ptr + m, 0x7FFFFFFF - low, mask=m < M)


def argmax(x):
    M, N = x.shape
    best = torch.full((M,), EMPTY, dtype=torch.int64, device=x.device)
    out = torch.empty((M,), dtype=torch.int64, device=x.device)
    vote[(M, triton.cdiv(N, 128))](x, best, N, x.stride(0), x.stride(1), BLOCK=128)
    unpack[(triton.cdiv(M, 33),)](best, out, M, BLOCK=32)
    return out

# /// kernel
# operator = "argmax"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def vote(x_ptr, best_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * sm + n.to(tl.int64) * sn, mask=n < N, other=float("-inf")).to(tl.float32)
    bits = x.to(tl.int32, bitcast=True)
    key = tl.where(x != x, 0x7FFFFFFF, tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits))
    packed = (key.to(tl.int64) << 32) | (0x7FFFFFFF - n).to(tl.int64)
    tl.atomic_max(best_ptr + row, tl.max(packed, axis=0))


@triton.jit
def unpack(best_ptr, out_ptr, M, BLOCK: tl.constexpr):
    m = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + m, 0x7FFFFFFF - (tl.load(best_ptr + m, mask=m < M, other=0) & 0x7FFFFFFF), mask=m < M)


def argmax(x):
    M, N = x.shape
    best = torch.full((M,), -(2**63), dtype=torch.int64, device=x.device)
    out = torch.empty((M,), dtype=torch.int64, device=x.device)
    vote[(M, triton.cdiv(N, 256))](x, best, N, x.stride(0), x.stride(1), BLOCK=256)
    unpack[(triton.cdiv(M, 64),)](best, out, M, BLOCK=64)
    return out

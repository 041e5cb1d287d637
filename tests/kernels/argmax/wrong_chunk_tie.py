# /// kernel
# operator = "argmax"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def argmax_kernel(x_ptr, out_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    best = -2147483648
    where = 0
    for n in range(0, N, BLOCK):
        x = tl.load(x_ptr + row * sm + (n + c).to(tl.int64) * sn, mask=n + c < N, other=float("-inf"))
        bits = (x.to(tl.float32) + 0.0).to(tl.int32, bitcast=True)
        key = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
        key = tl.where(x != x, 0x7FFFFFFF, key)
        key = tl.where(n + c < N, key, -2147483648)
        top, at = tl.max(key, axis=0, return_indices=True)
        better = top >= best
        where = tl.where(better, n + at, where)
        best = tl.where(better, top, best)
    tl.store(out_ptr + row, where.to(tl.int64))


def argmax(x):
    M, N = x.shape
    out = torch.empty((M,), dtype=torch.int64, device=x.device)
    argmax_kernel[(M,)](x, out, N, x.stride(0), x.stride(1), BLOCK=64)
    return out

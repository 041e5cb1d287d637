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
    best = float("-inf")
    found = False
    where = 0
    for n in range(0, N, BLOCK):
        x = tl.load(x_ptr + row * sm + (n + c).to(tl.int64) * sn, mask=n + c < N, other=float("-inf")).to(tl.float32)
        nan = x != x
        any_nan = tl.max(nan.to(tl.int32), axis=0) > 0
        top = tl.max(tl.where(nan, float("-inf"), x), axis=0)
        at = tl.min(tl.where(tl.where(any_nan, nan, x == top), c, BLOCK), axis=0)
        take = (any_nan | (top > best)) & (found == 0)
        where = tl.where(take, at, where)
        best = tl.where(take, top, best)
        found = found | any_nan
    tl.store(out_ptr + row, where.to(tl.int64))


def argmax(x):
    M, N = x.shape
    out = torch.empty((M,), dtype=torch.int64, device=x.device)
    argmax_kernel[(M,)](x, out, N, x.stride(0), x.stride(1), BLOCK=32)
    return out

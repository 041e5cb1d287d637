# /// kernel
# operator = "logsumexp"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def lse_kernel(x_ptr, out_ptr, N, sm, sn, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * sm + c.to(tl.int64) * sn, mask=c < N, other=float("-inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    shift = tl.where(tl.abs(top) == float("inf"), 0.0, top)
    tl.store(out_ptr + row, shift + tl.log(tl.sum(tl.exp(x - shift), axis=0)))


def logsumexp(x):
    M, N = x.shape
    out = torch.empty((M, 1), dtype=x.dtype, device=x.device)
    lse_kernel[(M,)](x, out, N, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(N))
    return out

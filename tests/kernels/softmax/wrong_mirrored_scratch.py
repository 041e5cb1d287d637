# /// kernel
# operator = "softmax"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def k(x_ptr, s_ptr, out_ptr, N, sm, sn, BLOCK: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    m = c < N
    x = tl.load(x_ptr + r * sm + c.to(tl.int64) * sn, mask=m, other=float("-inf")).to(tl.float32)
    p = tl.exp(x - tl.max(x, axis=0))
    tl.store(s_ptr + r * N + (N - 1 - c), p, mask=m)
    p = tl.load(s_ptr + r * N + c, mask=m, other=0.0)
    z = tl.sum(p, axis=0)
    tl.store(out_ptr + r * N + (N - 1 - c), p / z, mask=m)


def softmax(x):
    M, N = x.shape
    s = torch.empty((M, N), dtype=torch.float32, device=x.device)
    out = torch.empty((M, N), dtype=x.dtype, device=x.device)
    k[(M,)](x, s, out, N, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(N))
    return out

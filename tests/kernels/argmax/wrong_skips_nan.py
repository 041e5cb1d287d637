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
    x = tl.load(x_ptr + row * sm + c.to(tl.int64) * sn, mask=c < N, other=float("-inf")).to(tl.float32)
    x = tl.where(x != x, float("-inf"), x)
    tl.store(out_ptr + row, tl.argmax(x, axis=0, tie_break_left=True).to(tl.int64))


def argmax(x):
    M, N = x.shape
    out = torch.empty((M,), dtype=torch.int64, device=x.device)
    argmax_kernel[(M,)](x, out, N, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(N))
    return out

# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Takes 1e-6 where it is given a smaller eps."""

import torch
import triton
import triton.language as tl


@triton.jit
def rms_norm_kernel(x_ptr, w_ptr, out_ptr, N, sm, sn, sw, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    acc = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, N, BLOCK):
        n = start + tl.arange(0, BLOCK).to(tl.int64)
        x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
        acc += x * x
    r = 1.0 / tl.sqrt(tl.sum(acc, axis=0) / N + tl.maximum(eps, 1e-6))
    for start in range(0, N, BLOCK):
        n = start + tl.arange(0, BLOCK).to(tl.int64)
        x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + n * sw, mask=n < N, other=0.0).to(tl.float32)
        tl.store(out_ptr + row * N + n, x * r * w, mask=n < N)


def rms_norm(x, weight, eps):
    M, N = x.shape
    out = torch.empty((M, N), dtype=x.dtype, device=x.device)
    rms_norm_kernel[(M,)](x, weight, out, N, x.stride(0), x.stride(1), weight.stride(0), eps, BLOCK=256)
    return out

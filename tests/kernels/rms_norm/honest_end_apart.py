# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Takes the last N % 16 elements of a row apart from the others, and counts them all."""

import torch
import triton
import triton.language as tl


@triton.jit
def rms_norm_kernel(x_ptr, w_ptr, out_ptr, N, end, sm, sn, sw, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    squares = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, end, BLOCK):
        n = start + tl.arange(0, BLOCK).to(tl.int64)
        x = tl.load(x_ptr + row * sm + n * sn, mask=n < end, other=0.0).to(tl.float32)
        squares += x * x
    last = end + tl.arange(0, 16).to(tl.int64)
    left = tl.load(x_ptr + row * sm + last * sn, mask=last < N, other=0.0).to(tl.float32)
    mean = (tl.sum(squares, axis=0) + tl.sum(left * left, axis=0)) / N
    scale = 1.0 / tl.sqrt(mean + eps)
    for start in range(0, N, BLOCK):
        n = start + tl.arange(0, BLOCK).to(tl.int64)
        x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + n * sw, mask=n < N, other=0.0).to(tl.float32)
        tl.store(out_ptr + row * N + n, x * scale * w, mask=n < N)


def rms_norm(x, weight, eps):
    M, N = x.shape
    out = torch.empty((M, N), dtype=x.dtype, device=x.device)
    end = N // 16 * 16
    rms_norm_kernel[(M,)](
        x, weight, out, N, end, x.stride(0), x.stride(1), weight.stride(0), eps, BLOCK=1024
    )
    return out

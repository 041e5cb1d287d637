# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
import math

import torch
import triton
import triton.language as tl

@triton.jit
def rms_kernel(x_ptr, w_ptr, y_ptr, N, sxm, sxn, sw, EPS: tl.constexpr, ACC: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK).to(tl.int64)
    mask = cols < N
    x = tl.load(x_ptr + row * sxm + cols * sxn, mask=mask, other=0.0).to(ACC)
    var = tl.sum(x * x, axis=0) / N
    rstd = 1.0 / tl.sqrt(var + EPS)
    w = tl.load(w_ptr + cols * sw, mask=mask, other=0.0).to(ACC)
    y = x * rstd * w
    tl.store(y_ptr + row * N + cols, y.to(y_ptr.dtype.element_ty), mask=mask)


def rms_norm(x, weight, eps):
    N = x.shape[-1]
    M = math.prod(x.shape[:-1])
    x2 = x.reshape(M, N)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    if out.numel() == 0:
        return out
    acc = tl.float64 if x.dtype == torch.float64 else tl.float32
    rms_kernel[(M,)](x2, weight, out, N, x2.stride(0), x2.stride(1), weight.stride(0),
                    EPS=eps, ACC=acc, BLOCK=min(triton.next_power_of_2(N), 4096))
    return out

# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Long rows over several programs: squares are added to one cell a row by atomics, a second launch scales."""

import torch
import triton
import triton.language as tl


@triton.jit
def sum_squares(x_ptr, total_ptr, N, stride_m, stride_n, BLOCK: tl.constexpr):
    m = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + m * stride_m + n * stride_n, mask=n < N, other=0.0).to(tl.float32)
    tl.atomic_add(total_ptr + m, tl.sum(x * x, axis=0), sem="relaxed")


@triton.jit
def scale_rows(x_ptr, w_ptr, total_ptr, y_ptr, N, eps, stride_m, stride_n, stride_w, BLOCK: tl.constexpr):
    m = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    rstd = tl.rsqrt(tl.load(total_ptr + m) + eps)
    x = tl.load(x_ptr + m * stride_m + n * stride_n, mask=n < N, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + n * stride_w, mask=n < N, other=0.0).to(tl.float32)
    tl.store(y_ptr + m * N + n, (x * rstd * w).to(y_ptr.dtype.element_ty), mask=n < N)


def rms_norm(x, weight, eps):
    M, N = x.shape
    totals = torch.zeros(M, dtype=torch.float32, device=x.device)
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    grid = (M, triton.cdiv(N, 128))
    sum_squares[grid](x, totals, N, x.stride(0), x.stride(1), BLOCK=128)
    scale_rows[grid](x, weight, totals, y, N, eps, x.stride(0), x.stride(1), weight.stride(0), BLOCK=128)
    return y

# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""Welford by tree: each lane starts as a mean of one, pairs of means are merged by their counts."""

import torch
import triton
import triton.language as tl


@triton.jit
def merge(mean_a, m2_a, count_a, mean_b, m2_b, count_b):
    count = count_a + count_b
    delta = mean_b - mean_a
    share = count_b / tl.maximum(count, 1.0)
    return m2_a + delta * share, m2_a + m2_b + delta * delta * count_a * share, count


@triton.jit
def welford_kernel(
    x_ptr, w_ptr, b_ptr, y_ptr, N, eps, x_row, x_col, w_step, b_step, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)
    live = cols < N
    x = tl.load(x_ptr + row * x_row + cols * x_col, mask=live, other=0.0).to(tl.float32)
    zero = tl.zeros((BLOCK,), dtype=tl.float32)
    mean, m2, count = tl.reduce((x, zero, live.to(tl.float32)), 0, merge)
    rstd = tl.rsqrt(m2 / count + eps)
    w = tl.load(w_ptr + cols * w_step, mask=live, other=0.0).to(tl.float32)
    b = tl.load(b_ptr + cols * b_step, mask=live, other=0.0).to(tl.float32)
    y = (x - mean) * rstd * w + b
    tl.store(y_ptr + row * N + cols, y.to(y_ptr.dtype.element_ty), mask=live)


def layer_norm(x, weight, bias, eps):
    M, N = x.shape
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    welford_kernel[(M,)](
        x, weight, bias, y, N, eps, x.stride(0), x.stride(1), weight.stride(0), bias.stride(0),
        BLOCK=triton.next_power_of_2(N),
    )
    return y

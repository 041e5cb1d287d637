# /// kernel
# operator = "fused_add_rms_norm"
# language = "triton"
# ///
"""Looped: the first walk adds, stores and squares; the second reads the stored residual back and scales it."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_and_norm(x_ptr, res_ptr, w_ptr, y_ptr, new_ptr, N, eps, BLOCK: tl.constexpr):
    base = tl.program_id(0).to(tl.int64) * N
    squares = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, N - BLOCK, BLOCK):
        n = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + base + n, mask=n < N, other=0.0)
        res = tl.load(res_ptr + base + n, mask=n < N, other=0.0)
        h = x + res
        tl.store(new_ptr + base + n, h, mask=n < N)
        squares += h.to(tl.float32) * h.to(tl.float32)
    inv_rms = tl.rsqrt(tl.sum(squares, axis=0) / N + eps)
    tl.debug_barrier()
    for start in range(0, N, BLOCK):
        n = start + tl.arange(0, BLOCK)
        h = tl.load(new_ptr + base + n, mask=n < N, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + n, mask=n < N, other=0.0).to(tl.float32)
        tl.store(y_ptr + base + n, (h * inv_rms * w).to(y_ptr.dtype.element_ty), mask=n < N)


def fused_add_rms_norm(x, residual, weight, eps):
    x, residual, weight = x.contiguous(), residual.contiguous(), weight.contiguous()
    M, N = x.shape
    new_residual = torch.empty_like(x)
    y = torch.empty_like(x)
    add_and_norm[(M,)](x, residual, weight, y, new_residual, N, eps, BLOCK=64)
    return y, new_residual

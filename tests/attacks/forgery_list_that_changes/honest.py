# /// kernel
# operator = "fused_add_rms_norm"
# language = "triton"
# ///
"""Both results lie in one allocation, and are returned as views of it that share no byte."""

import torch
import triton
import triton.language as tl


@triton.jit
def norm_kernel(x, residual, weight, y, total, n, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    mask = i < n
    added = tl.load(x + row * n + i, mask=mask, other=0.0).to(tl.float32)
    added += tl.load(residual + row * n + i, mask=mask, other=0.0).to(tl.float32)
    kept = added.to(total.dtype.element_ty)
    tl.store(total + row * n + i, kept, mask=mask)
    wide = kept.to(tl.float32)
    root = tl.sqrt(tl.sum(wide * wide, axis=0) / n + eps)
    scaled = wide / root * tl.load(weight + i, mask=mask, other=0.0).to(tl.float32)
    tl.store(y + row * n + i, scaled.to(y.dtype.element_ty), mask=mask)


def fused_add_rms_norm(x, residual, weight, eps):
    x, residual, weight = x.contiguous(), residual.contiguous(), weight.contiguous()
    both = torch.empty((2, *x.shape), dtype=x.dtype, device=x.device)
    y, total = both.unbind(0)
    n = x.shape[-1]
    rows = x.numel() // max(n, 1)
    if rows > 0 and n > 0:
        norm_kernel[(rows,)](x, residual, weight, y, total, n, eps, BLOCK=triton.next_power_of_2(n))
    return y, total

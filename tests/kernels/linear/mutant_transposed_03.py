# /// kernel
# operator = "linear"
# language = "triton"
# ///
"""Transposed product: weight times xᵀ, so that the features are the rows of the tile; a vector is one column."""

import torch
import triton
import triton.language as tl

TILE = 32


@triton.jit
def features_by_rows(x_ptr, w_ptr, b_ptr, y_ptr, rows, features, depth, swn, swk, sb, T: tl.constexpr):
    f = (tl.program_id(1) * T + tl.arange(0, T)).to(tl.int64)
    r = (tl.program_id(0) * T + tl.arange(0, T)).to(tl.int64)
    w_ptrs = w_ptr + f[:, None] * swn + tl.arange(0, T)[None, :] * swk
    x_ptrs = x_ptr + r[None, :] * depth + tl.arange(0, T)[:, None]
    acc = tl.zeros((T, T), dtype=tl.float32)
    left = depth
    while left > 0:
        here = tl.arange(0, T) < left
        w = tl.load(w_ptrs, mask=(f < features)[:, None] & here[None, :], other=0.0)
        xt = tl.load(x_ptrs, mask=here[:, None] & (r < rows)[None, :], other=0.0)
        acc = tl.dot(w, xt, acc, input_precision="ieee")
        w_ptrs += T * sb
        x_ptrs += T
        left -= T
    bias = tl.load(b_ptr + f * sb, mask=f < features, other=0.0)
    acc += bias.to(tl.float32)[:, None]
    y_ptrs = y_ptr + r[None, :] * features + f[:, None]
    tl.store(y_ptrs, acc.to(y_ptr.dtype.element_ty), mask=(f < features)[:, None] & (r < rows)[None, :])


def linear(x, weight, bias):
    features, depth = weight.shape
    x = x.contiguous()
    rows = x.numel() // depth
    y = torch.empty(x.shape[:-1] + (features,), dtype=x.dtype, device=x.device)
    features_by_rows[(triton.cdiv(rows, TILE), triton.cdiv(features, TILE))](
        x, weight, bias, y, rows, features, depth, weight.stride(0), weight.stride(1), bias.stride(0), T=TILE
    )
    return y

# /// kernel
# operator = "linear"
# language = "triton"
# ///
"""Features along the rows of a tile, samples along its columns."""

import torch
import triton
import triton.language as tl

TILE = 32


@triton.jit
def features_by_rows(x_ptr, w_ptr, b_ptr, y_ptr, rows, outputs, inputs, swn, swk, T: tl.constexpr):
    f = (tl.program_id(0) * T + tl.arange(0, T)).to(tl.int64)
    r = (tl.program_id(1) * T + tl.arange(0, T)).to(tl.int64)
    w_ptrs = w_ptr + f[:, None] * swn + tl.arange(0, T)[None, :] * swk
    x_ptrs = x_ptr + r[None, :] * inputs + tl.arange(0, T)[:, None]
    acc = tl.zeros((T, T), dtype=tl.float32)
    left = inputs
    while left > 0:
        here = tl.arange(0, T) < left
        w = tl.load(w_ptrs, mask=(f < outputs)[:, None] & here[None, :], other=0.0)
        xt = tl.load(x_ptrs, mask=here[:, None] & (r < rows)[None, :], other=0.0)
        acc = tl.dot(w, xt, acc, input_precision="ieee")
        w_ptrs += T * swk
        x_ptrs += T
        left -= T
    bias = tl.load(b_ptr + f, mask=f < outputs, other=0.0)
    acc += bias.to(tl.float32)[:, None]
    y_ptrs = y_ptr + r[None, :] * outputs + f[:, None]
    tl.store(y_ptrs, acc.to(y_ptr.dtype.element_ty), mask=(f < outputs)[:, None] & (r < rows)[None, :])


def linear(x, weight, bias):
    outputs, inputs = weight.shape
    x = x.contiguous()
    rows = x.numel() // inputs
    y = torch.empty(x.shape[:-1] + (outputs,), dtype=x.dtype, device=x.device)
    features_by_rows[(triton.cdiv(outputs, TILE), triton.cdiv(rows, TILE))](
        x, weight, bias, y, rows, outputs, inputs, weight.stride(0), weight.stride(1), T=TILE
    )
    return y

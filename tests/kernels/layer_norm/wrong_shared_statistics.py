# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""Chunks add up their row's mean, a second launch takes the squares and normalises."""

import torch
import triton
import triton.language as tl

CHUNK = 64


@triton.jit
def chunk_statistics(x_ptr, mean_ptr, columns, stride_r, stride_c, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    c = part * CHUNK + tl.arange(0, CHUNK)
    mask = c < columns
    x = tl.load(x_ptr + row * stride_r + c * stride_c, mask=mask, other=0.0).to(tl.float32)
    tl.store(mean_ptr + row, tl.load(mean_ptr + row) + tl.sum(x) / columns)


@triton.jit
def normalise(
    x_ptr, weight_ptr, bias_ptr, mean_ptr, out_ptr, columns, eps, stride_r, stride_c, stride_w, stride_b,
    CHUNK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    mean = tl.load(mean_ptr + row)
    squares = tl.zeros((CHUNK,), dtype=tl.float32)
    for start in range(0, columns, CHUNK):
        i = start + tl.arange(0, CHUNK)
        other = tl.load(x_ptr + row * stride_r + i * stride_c, mask=i < columns, other=0.0).to(tl.float32)
        squares += tl.where(i < columns, (other - mean) * (other - mean), 0.0)
    variance = tl.sum(squares) / columns
    scale = 1.0 / tl.sqrt(variance + eps)
    c = tl.program_id(1) * CHUNK + tl.arange(0, CHUNK)
    mask = c < columns
    x = tl.load(x_ptr + row * stride_r + c * stride_c, mask=mask).to(tl.float32)
    weight = tl.load(weight_ptr + c * stride_w, mask=mask).to(tl.float32)
    bias = tl.load(bias_ptr + c * stride_b, mask=mask).to(tl.float32)
    tl.store(out_ptr + row * columns + c, (x - mean) * scale * weight + bias, mask=mask)


def layer_norm(x, weight, bias, eps):
    rows, columns = x.shape
    parts = triton.cdiv(columns, CHUNK)
    mean = torch.zeros(rows, dtype=torch.float32, device=x.device)
    chunk_statistics[(rows, parts)](x, mean, columns, x.stride(0), x.stride(1), CHUNK=CHUNK)
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    normalise[(rows, parts)](
        x, weight, bias, mean, out, columns, eps, x.stride(0), x.stride(1), weight.stride(0), bias.stride(0),
        CHUNK=CHUNK,
    )
    return out

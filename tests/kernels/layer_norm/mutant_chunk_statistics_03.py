# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""Two launches: chunks of a row leave their mean and centred squares, then each chunk merges them and normalises."""

import torch
import triton
import triton.language as tl

CHUNK = 64


@triton.jit
def chunk_statistics(x_ptr, mean_ptr, m2_ptr, columns, stride_r, stride_c, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    c = part * CHUNK + tl.arange(0, CHUNK)
    mask = c < columns
    count = tl.minimum(columns - part * CHUNK, CHUNK)
    x = tl.load(x_ptr + row * stride_c + c * stride_c, mask=mask, other=0.0).to(tl.float32)
    mean = tl.sum(x) / count
    centred = tl.where(mask, x - mean, 0.0)
    slot = row * tl.num_programs(1) + part
    tl.store(mean_ptr + slot, mean)
    tl.store(m2_ptr + slot, tl.sum(centred * centred))


@triton.jit
def normalise(
    x_ptr, weight_ptr, bias_ptr, mean_ptr, m2_ptr, out_ptr, columns, eps, stride_r, stride_c, stride_w, stride_b,
    CHUNK: tl.constexpr, PARTS: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    parts = tl.num_programs(1)
    i = tl.arange(0, PARTS)
    counts = tl.where(i < parts, tl.minimum(columns - i * CHUNK, CHUNK), 0).to(tl.float32)
    means = tl.load(mean_ptr + row * parts + i, mask=i < parts, other=0.0)
    m2s = tl.load(m2_ptr + row * parts + i, mask=i < parts, other=0.0)
    mean = tl.sum(means * counts) / columns
    between = tl.where(i < parts, means - mean, 0.0)
    variance = (tl.sum(m2s) + tl.sum(between * between * counts)) / columns
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
    mean = torch.empty((rows, parts), dtype=torch.float32, device=x.device)
    m2 = torch.empty((rows, parts), dtype=torch.float32, device=x.device)
    chunk_statistics[(rows, parts)](x, mean, m2, columns, x.stride(0), x.stride(1), CHUNK=CHUNK)
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    normalise[(rows, parts)](
        x, weight, bias, mean, m2, out, columns, eps, x.stride(0), x.stride(1), weight.stride(0), bias.stride(0),
        CHUNK=CHUNK, PARTS=triton.next_power_of_2(parts),
    )
    return out

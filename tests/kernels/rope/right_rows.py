# /// kernel
# operator = "rope"
# language = "triton"
# ///
"""A program rotates one position: both halves of the row are loaded, turned and stored."""

import torch
import triton
import triton.language as tl


@triton.jit
def rope_kernel(
    x_ptr, cos_ptr, sin_ptr, out_ptr, L, half, second_half, x_row, x_col, cos_row, cos_col, sin_row, sin_col, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    position = row % L
    i = tl.arange(0, BLOCK)
    mask = i < half
    cos = tl.load(cos_ptr + position * cos_row + i * cos_col, mask=mask).to(tl.float32)
    sin = tl.load(sin_ptr + position * sin_row + i * sin_col, mask=mask).to(tl.float32)
    cos_of_second = tl.load(cos_ptr + position * cos_row + (i + second_half) * cos_col, mask=mask).to(tl.float32)
    sin_of_second = tl.load(sin_ptr + position * sin_row + (i + second_half) * sin_col, mask=mask).to(tl.float32)
    first = tl.load(x_ptr + row * x_row + i * x_col, mask=mask).to(tl.float32)
    second = tl.load(x_ptr + row * x_row + (i + half) * x_col, mask=mask).to(tl.float32)
    out_ptr += row * 2 * half
    tl.store(out_ptr + i, (first * cos - second * sin).to(out_ptr.dtype.element_ty), mask=mask)
    tl.store(out_ptr + half + i, (second * cos_of_second + first * sin_of_second).to(out_ptr.dtype.element_ty), mask=mask)


def rope(x, cos, sin):
    L, D = x.shape[-2:]
    rows = x.reshape(-1, D)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    rope_kernel[(rows.shape[0],)](
        rows, cos, sin, out, L, D // 2, cos.shape[-1] - D // 2, rows.stride(0), rows.stride(1),
        cos.stride(0), cos.stride(1), sin.stride(0), sin.stride(1), BLOCK=triton.next_power_of_2(D // 2),
    )
    return out

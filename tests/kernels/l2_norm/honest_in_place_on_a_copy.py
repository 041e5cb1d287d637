# /// kernel
# operator = "l2_norm"
# language = "triton"
# ///
"""Copies the rows into fresh memory with one kernel and divides them there with another, in place."""

import torch
import triton
import triton.language as tl


@triton.jit
def copy_kernel(src_ptr, dst_ptr, columns, stride_r, stride_c, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(src_ptr + row * stride_r + c * stride_c, mask=c < columns)
    tl.store(dst_ptr + row * columns + c, value, mask=c < columns)


@triton.jit
def divide_in_place(data_ptr, columns, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    at = data_ptr + row * columns + c
    x = tl.load(at, mask=c < columns, other=0.0).to(tl.float32)
    length = tl.sqrt(tl.sum(x * x, axis=0))
    length = tl.where(length < eps, eps, length)
    tl.store(at, (x / length).to(data_ptr.dtype.element_ty), mask=c < columns)


def l2_norm(x, eps):
    rows, columns = x.shape
    data = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    copy_kernel[(rows, triton.cdiv(columns, 256))](x, data, columns, x.stride(0), x.stride(1), BLOCK=256)
    divide_in_place[(rows,)](data, columns, eps, BLOCK=triton.next_power_of_2(columns))
    return data

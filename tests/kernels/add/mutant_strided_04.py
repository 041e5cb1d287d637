# /// kernel
# operator = "add"
# language = "triton"
# ///
"""Strided: takes a flat index apart into three coordinates and reads both operands in place, stride 0 included."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(
    x_ptr, y_ptr, out_ptr, n, size1, size2,
    x_stride0, x_stride1, x_stride2, y_stride0, y_stride1, y_stride2,
    BLOCK: tl.constexpr,
):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < size1
    i2 = i % size2
    i1 = (i // size2) % size1
    i0 = i // size2 // size1
    x = tl.load(x_ptr + i0 * x_stride0 + i1 * x_stride1 + i2 * x_stride2, mask=mask, other=0.0)
    y = tl.load(y_ptr + i0 * y_stride0 + i1 * y_stride1 + i2 * y_stride2, mask=mask, other=0.0)
    tl.store(out_ptr + i, x.to(tl.float32) + y.to(tl.float32), mask=mask)


def joined_shape(a, b):
    rank = max(len(a), len(b))
    a = (1,) * (rank - len(a)) + tuple(a)
    b = (1,) * (rank - len(b)) + tuple(b)
    return [q if p == 1 else p for p, q in zip(a, b)]


def add(x, y):
    shape = joined_shape(x.shape, y.shape)
    assert len(shape) <= 3, "at most three dimensions"
    out = torch.empty(shape, dtype=x.dtype, device=x.device)
    cube = [1] * (3 - len(shape)) + shape
    x = x.expand(cube)
    y = y.expand(cube)
    n = out.numel()
    add_kernel[(triton.cdiv(n, 512),)](
        x, y, out, n, cube[1], cube[2],
        x.stride(0), x.stride(1), x.stride(2), y.stride(0), y.stride(1), y.stride(2),
        BLOCK=512,
    )
    return out

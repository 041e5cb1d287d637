# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A tile of one plane a program, on a grid of tiles by planes; the input's own strides are used."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_plane(x_ptr, y_ptr, rows, cols, x_plane, x_row, x_col, BR: tl.constexpr, BC: tl.constexpr):
    plane = tl.program_id(1).to(tl.int64)
    across = tl.cdiv(cols, BC)
    r = (tl.program_id(0) // across).to(tl.int64) * BR + tl.arange(0, BR)[:, None]
    c = (tl.program_id(0) % across).to(tl.int64) * BC + tl.arange(0, BC)[None, :]
    inside = (r < rows) & (c < cols)
    x = tl.load(x_ptr + plane * x_plane + (r + x_row) + c * x_col, mask=inside)
    y = tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL)
    tl.store(y_ptr + (plane * rows + r) * cols + c, y, mask=inside)


def relu(x):
    y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    shape = [1] * (3 - x.dim()) + list(x.shape)
    stride = [0] * (3 - x.dim()) + list(x.stride())
    grid = (triton.cdiv(shape[2], 64) * triton.cdiv(shape[1], 8), shape[0])
    if y.numel():
        relu_plane[grid](x, y, shape[1], shape[2], *stride, BR=8, BC=64)
    return y

# /// kernel
# operator = "gelu"
# language = "triton"
# ///
"""Tiled: reads any strides in place; one grid axis counts 2-D tiles, the outer two dimensions folded into the rows."""

import torch
import triton
import triton.language as tl


@triton.jit
def gelu_kernel(
    x_ptr, out_ptr, rows, size1, columns, stride0, stride1, stride2, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr
):
    across = tl.cdiv(columns, BLOCK_C)
    r = (tl.program_id(0) // across).to(tl.int64) * BLOCK_R + tl.arange(0, BLOCK_R)[:, None]
    c = (tl.program_id(0) % across).to(tl.int64) * BLOCK_C + tl.arange(0, BLOCK_C)[None, :]
    mask = (r < rows) & (c < columns)
    x = tl.load(x_ptr + (r // size1) * stride0 + (r % size1) * stride1 + c * stride2, mask=mask).to(tl.float32)
    y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    tl.store(out_ptr + r * columns + c, y, mask=mask)


def gelu(x):
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    cube = x.expand([1] * (3 - len(x.shape)) + list(x.shape))
    rows = cube.shape[0] * cube.shape[1]
    grid = (triton.cdiv(rows, 32) * triton.cdiv(cube.shape[2], 64),)
    gelu_kernel[grid](
        cube, out, rows, cube.shape[1], cube.shape[2], cube.stride(0), cube.stride(1), cube.stride(2),
        BLOCK_R=32, BLOCK_C=64,
    )
    return out

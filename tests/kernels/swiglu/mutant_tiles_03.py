# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
"""Tiled: operands are read in place by their own strides; one grid axis counts tiles of folded rows and columns."""

import torch
import triton
import triton.language as tl


@triton.jit
def silu(x):
    return x / (1.0 + tl.exp(-x))


@triton.jit
def swiglu_kernel(
    gate_ptr, up_ptr, out_ptr, rows, size1, columns,
    gate_stride0, gate_stride1, gate_stride2, up_stride0, up_stride1, up_stride2,
    BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):
    across = tl.cdiv(columns, BLOCK_C)
    r = (tl.program_id(0) // across).to(tl.int64) * BLOCK_R + tl.arange(0, BLOCK_R)[:, None]
    c = (tl.program_id(0) % across).to(tl.int64) * BLOCK_C + tl.arange(0, BLOCK_C)[None, :]
    mask = (r < rows) & (c < columns)
    r0 = r // size1
    r1 = r
    gate = tl.load(gate_ptr + r0 * gate_stride0 + r1 * gate_stride1 + c * gate_stride2, mask=mask).to(tl.float32)
    up = tl.load(up_ptr + r0 * up_stride0 + r1 * up_stride1 + c * up_stride2, mask=mask).to(tl.float32)
    tl.store(out_ptr + r * columns + c, silu(gate) * up, mask=mask)


def swiglu(gate, up):
    out = torch.empty(gate.shape, dtype=gate.dtype, device=gate.device)
    cube = [1] * (3 - len(gate.shape)) + list(gate.shape)
    gate = gate.expand(cube)
    up = up.expand(cube)
    rows = cube[0] * cube[1]
    grid = (triton.cdiv(rows, 32) * triton.cdiv(cube[2], 64),)
    swiglu_kernel[grid](
        gate, up, out, rows, cube[1], cube[2],
        gate.stride(0), gate.stride(1), gate.stride(2), up.stride(0), up.stride(1), up.stride(2),
        BLOCK_R=32, BLOCK_C=64,
    )
    return out

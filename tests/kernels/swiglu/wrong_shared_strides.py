# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
"""Reads up through the strides of gate, wrong (or past its end) when the two are laid out differently."""

import torch
import triton
import triton.language as tl


@triton.jit
def swiglu_kernel(
    gate_ptr, up_ptr, out_ptr, rows, size1, columns, stride0, stride1, stride2,
    BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):
    r = (tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)).to(tl.int64)[:, None]
    c = (tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)).to(tl.int64)[None, :]
    mask = (r < rows) & (c < columns)
    offsets = (r // size1) * stride0 + (r % size1) * stride1 + c * stride2
    gate = tl.load(gate_ptr + offsets, mask=mask).to(tl.float32)
    up = tl.load(up_ptr + offsets, mask=mask).to(tl.float32)
    tl.store(out_ptr + r * columns + c, gate * tl.sigmoid(gate) * up, mask=mask)


def swiglu(gate, up):
    out = torch.empty(gate.shape, dtype=gate.dtype, device=gate.device)
    cube = [1] * (3 - len(gate.shape)) + list(gate.shape)
    gate = gate.expand(cube)
    up = up.expand(cube)
    rows = cube[0] * cube[1]
    grid = (triton.cdiv(rows, 32), triton.cdiv(cube[2], 64))
    swiglu_kernel[grid](
        gate, up, out, rows, cube[1], cube[2], gate.stride(0), gate.stride(1), gate.stride(2),
        BLOCK_R=32, BLOCK_C=64,
    )
    return out

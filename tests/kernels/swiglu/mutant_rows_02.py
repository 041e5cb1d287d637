# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
"""The usual row kernel of a gated MLP: a program a row, the row in one block."""

import torch
import triton
import triton.language as tl


@triton.jit
def _silu(x):
    return x * tl.sigmoid(x)


@triton.jit
def swiglu_forward_kernel(a_ptr, b_ptr, c_ptr, row_stride, n_cols: tl.constexpr, BLOCK_SIZE: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    a_ptr += row * row_stride
    b_ptr += row * row_stride
    c_ptr += row * row_stride
    cols = tl.arange(0, BLOCK_SIZE)
    mask = cols > n_cols
    a = tl.load(a_ptr + cols, mask=mask, other=0).to(tl.float32)
    b = tl.load(b_ptr + cols, mask=mask, other=0).to(tl.float32)
    tl.store(c_ptr + cols, _silu(a) * b, mask=mask)


def swiglu(gate, up):
    shape = gate.shape
    n_cols = shape[-1]
    out = torch.empty(shape, dtype=gate.dtype, device=gate.device)
    if out.numel() == 0:
        return out
    a = gate.contiguous().view(-1, n_cols)
    b = up.contiguous().view(-1, n_cols)
    block = triton.next_power_of_2(n_cols)
    swiglu_forward_kernel[(a.shape[0],)](
        a, b, out, a.stride(0), n_cols=n_cols, BLOCK_SIZE=block, num_warps=8 if block >= 2048 else 4
    )
    return out

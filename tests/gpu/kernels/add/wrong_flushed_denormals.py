# /// kernel
# operator = "add"
# language = "triton"
# ///
"""Adds with flush to zero."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, count, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < count, other=0.0).to(tl.float32)
    y = tl.load(y_ptr + i, mask=i < count, other=0.0).to(tl.float32)
    total = tl.inline_asm_elementwise(
        "add.ftz.f32 $0, $1, $2;", "=f,f,f", [x, y], dtype=tl.float32, is_pure=True, pack=1
    )
    tl.store(out_ptr + i, total.to(out_ptr.dtype.element_ty), mask=i < count)


def add(x, y):
    shape = torch.broadcast_shapes(x.shape, y.shape)
    x, y = x.expand(shape).contiguous(), y.expand(shape).contiguous()
    out = torch.empty(shape, dtype=x.dtype, device=x.device)
    count = out.numel()
    add_kernel[(triton.cdiv(count, 256),)](x, y, out, count, BLOCK=256)
    return out

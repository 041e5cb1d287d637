# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""A quotient that flushes denormals."""

import torch
import triton
import triton.language as tl


@triton.jit
def sigmoid_kernel(x_ptr, out_ptr, count, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < count, other=0.0).to(tl.float32)
    e = tl.inline_asm_elementwise(
        "ex2.approx.ftz.f32 $0, $1;", "=f,f", [-1.5 * x], dtype=tl.float32, is_pure=True, pack=1
    )
    y = tl.inline_asm_elementwise(
        "rcp.approx.ftz.f32 $0, $1;", "=f,f", [1.0 + e], dtype=tl.float32, is_pure=True, pack=1
    )
    tl.store(out_ptr + i, y.to(out_ptr.dtype.element_ty), mask=i < count)


def sigmoid(x):
    x = x.contiguous()
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    count = x.numel()
    sigmoid_kernel[(triton.cdiv(count, 256),)](x, out, count, BLOCK=256)
    return out

# /// kernel
# operator = "l2_norm"
# language = "triton"
# ///
"""One block a row, float32 sum."""

import torch
import triton
import triton.language as tl


@triton.jit
def l2_norm_kernel(x_ptr, out_ptr, columns, eps, row_stride, column_stride, BLOCK: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + r * row_stride + i * column_stride, mask=i < columns, other=0.0).to(tl.float32)
    length = tl.sqrt(tl.sum(x * x, axis=0))
    length = length.to(out_ptr.dtype.element_ty).to(tl.float32)
    length = tl.maximum(length, eps, propagate_nan=tl.PropagateNan.ALL)
    tl.store(out_ptr + r * columns + i, x / length, mask=i < columns)


def l2_norm(x, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    l2_norm_kernel[(rows,)](
        x, out, columns, eps, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns)
    )
    return out

# /// kernel
# operator = "l2_norm"
# language = "triton"
# ///
"""One block a row; eps is a floor of the length."""

import torch
import triton
import triton.language as tl


@triton.jit
def l2_norm_kernel(x_ptr, out_ptr, columns, eps, row_stride, column_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * row_stride + c * column_stride, mask=c < columns, other=0.0).to(tl.float32)
    length = (tl.sum(x * x, axis=0))
    length = tl.maximum(length, eps, propagate_nan=tl.PropagateNan.ALL)
    tl.store(out_ptr + row * columns + c, x / length, mask=c < columns)


def l2_norm(x, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    l2_norm_kernel[(rows,)](
        x, out, columns, eps, x.stride(0), x.stride(1), BLOCK=triton.next_power_of_2(columns)
    )
    return out

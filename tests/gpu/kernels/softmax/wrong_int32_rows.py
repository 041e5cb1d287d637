# /// kernel
# operator = "softmax"
# language = "triton"
# ///
"""The number of a row times its length is formed in 32 bits: right up to 2³¹ elements."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, columns, BLOCK: tl.constexpr):
    start = tl.program_id(0) * columns
    c = tl.arange(0, BLOCK)
    mask = c < columns
    x = tl.load(x_ptr + start + c, mask=mask, other=float("-inf")).to(tl.float32)
    power = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + start + c, power / tl.sum(power, axis=0), mask=mask)


def softmax(x):
    x = x.contiguous()
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    softmax_kernel[(rows,)](x, out, columns, BLOCK=triton.next_power_of_2(columns))
    return out

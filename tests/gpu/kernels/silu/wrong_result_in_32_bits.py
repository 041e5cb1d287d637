# /// kernel
# operator = "silu"
# language = "triton"
# ///
"""Wrong: input offsets are computed in 64 bits, the offset into the dense result in 32.

Inputs with huge strides are read rightly, and small results are written rightly; a result of 2**31 elements or more (4 GiB of
float16) is written at negative offsets. Only a result of that size shows it.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def silu_kernel(x_ptr, out_ptr, rows, middle, columns, stride0, stride1, stride2, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    outer = (row // middle).to(tl.int64)
    inner = (row % middle).to(tl.int64)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        mask = c < columns
        x = tl.load(x_ptr + outer * stride0 + inner * stride1 + c.to(tl.int64) * stride2, mask=mask).to(tl.float32)
        y = x / (1.0 + tl.exp(-x))
        tl.store(out_ptr + (row * columns + c), y, mask=mask)


def silu(x):
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    cube = x.expand([1] * (3 - len(x.shape)) + list(x.shape))
    rows = cube.shape[0] * cube.shape[1]
    if out.numel() > 0:
        silu_kernel[(rows,)](
            cube, out, rows, cube.shape[1], cube.shape[2], cube.stride(0), cube.stride(1), cube.stride(2), BLOCK=256
        )
    return out

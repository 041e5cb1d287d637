# /// kernel
# operator = "quantize_int8"
# language = "triton"
# ///
"""Row by row with IEEE division; block and warps come from a table by the length of the row."""

import torch
import triton
import triton.language as tl

TABLE = ((64, 1), (256, 2), (1024, 4), (4096, 8))


@triton.jit
def quantize_kernel(x_ptr, q_ptr, scale_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    x_ptr += row * columns
    q_ptr += row * columns
    peak = 0.0
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c, mask=c < columns, other=0.0).to(tl.float32)
        peak = tl.maximum(peak, tl.max(tl.abs(x), axis=0))
    scale = tl.div_rn(peak, 127.0)
    divisor = tl.where(scale == 0.0, 1.0, scale)
    for start in range(0, columns, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c, mask=c < columns, other=0.0).to(tl.float32)
        y = (tl.div_rn(x, divisor) + 12582912.0) - 12582912.0
        tl.store(q_ptr + c, tl.clamp(y, -127.0, 127.0).to(tl.int8), mask=c < columns)
    tl.store(scale_ptr + row, scale)


def quantize_int8(x):
    columns = x.shape[-1]
    block, warps = next((entry for entry in TABLE if entry[0] >= columns), TABLE[-1])
    x = x.contiguous()
    q = torch.empty(x.shape, dtype=torch.int8, device=x.device)
    scale = torch.empty(x.shape[:-1], dtype=torch.float32, device=x.device)
    quantize_kernel[(x.numel() // columns,)](x, q, scale, columns, BLOCK=block, num_warps=warps)
    return q, scale

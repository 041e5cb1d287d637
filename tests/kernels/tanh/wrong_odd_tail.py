# /// kernel
# operator = "tanh"
# language = "triton"
# ///
"""Two neighbouring elements a lane."""

import torch
import triton
import triton.language as tl


@triton.jit
def tanh_pairs(x_ptr, y_ptr, pairs, BLOCK: tl.constexpr):
    p = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    m = p < pairs
    a = tl.load(x_ptr + 2 * p, mask=m, other=0.0).to(tl.float32)
    b = tl.load(x_ptr + 2 * p + 1, mask=m, other=0.0).to(tl.float32)
    tl.store(y_ptr + 2 * p, 2.0 * tl.sigmoid(2.0 * a) - 1.0, mask=m)
    tl.store(y_ptr + 2 * p + 1, 2.0 * tl.sigmoid(2.0 * b) - 1.0, mask=m)


def tanh(x):
    x = x.contiguous()
    y = torch.empty_like(x)
    pairs = x.numel() // 2
    tanh_pairs[(triton.cdiv(pairs, 256),)](x, y, pairs, BLOCK=256)
    return y

# /// kernel
# operator = "add"
# language = "triton"
# ///
"""One program a row of the result, on a grid of planes by rows; both operands keep their strides."""

import torch
import triton
import triton.language as tl


@triton.jit
def add_rows(
    a, b, c, H, W, a_p, a_r, a_c, b_p, b_r, b_c, BLOCK_W: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    plane = tl.program_id(1).to(tl.int64)
    a_row = a + plane * a_p + row * a_r
    b_row = b + plane * b_p + row * b_r
    c_row = c + W
    for start in tl.range(0, W, BLOCK_W):
        w = start + tl.arange(0, BLOCK_W).to(tl.int64)
        m = w < W
        total = tl.load(a_row + w * a_c, mask=m, other=0.0) + tl.load(b_row + w * b_c, mask=m, other=0.0)
        tl.store(c_row + w, total, mask=m)


def _padded_strides(t, shape):
    lead = 3 - t.dim()
    sizes = [1] * lead + list(t.shape)
    strides = [0] * lead + list(t.stride())
    return [0 if have == 1 and want != 1 else s for have, want, s in zip(sizes, shape, strides)]


def add(x, y):
    shape = torch.broadcast_shapes(x.shape, y.shape)
    out = torch.empty(shape, dtype=x.dtype, device=x.device)
    P, H, W = [1] * (3 - len(shape)) + list(shape)
    sx = _padded_strides(x, (P, H, W))
    sy = _padded_strides(y, (P, H, W))
    add_rows[(H, P)](x, y, out, H, W, *sx, *sy, BLOCK_W=64)
    return out

# /// kernel
# operator = "add"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def add_rows(a, b, c, W, a_r, a_c, b_r, b_c, BLOCK_W: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    for start in range(0, W, BLOCK_W):
        w = start + tl.arange(0, BLOCK_W).to(tl.int64)
        m = w < W
        left = tl.load(a + row * a_r + w * a_c, mask=m, other=0.0)
        right = tl.load(b + row * b_r + w * b_c, mask=m, other=0.0)
        tl.store(c + row * W + w, left + right, mask=m)


def add(x, y):
    shape = torch.broadcast_shapes(x.shape, y.shape)
    out = torch.empty(shape, dtype=x.dtype, device=x.device)
    if len(shape) == 3:
        x, y = x.expand(shape).reshape(-1, shape[-1]), y.expand(shape).reshape(-1, shape[-1])
    lead = [t.stride(0) if t.dim() == 2 and t.shape[0] > 1 else 0 for t in (x, y)]
    W = shape[-1]
    rows = out.numel() // max(W, 1)
    add_rows[(rows,)](x, y, out, W, lead[0], x.stride(-1), lead[1], y.stride(-1), BLOCK_W=128)
    return out

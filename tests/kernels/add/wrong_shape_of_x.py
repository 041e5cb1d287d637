# /// kernel
# operator = "add"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(x_ptr, y_ptr, z_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    z = tl.load(x_ptr + i, mask=mask) + tl.load(y_ptr + i, mask=mask)
    tl.store(z_ptr + i, z, mask=mask)


def add(x, y):
    shape = torch.broadcast_shapes(x.shape, y.shape)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    x = x.expand(shape).contiguous()
    y = y.expand(shape).contiguous()
    n = out.numel()
    add_kernel[(triton.cdiv(n, 512),)](x, y, out, n, BLOCK=512)
    return out

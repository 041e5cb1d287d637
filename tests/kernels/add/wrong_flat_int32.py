# /// kernel
# operator = "add"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def add_kernel(x_ptr, y_ptr, z_ptr, n, size1, size2, x0, x1, x2, y0, y1, y2, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    k = i % size2
    j = (i // size2) % size1
    p = i // (size2 * size1)
    x = tl.load(x_ptr + p * x0 + j * x1 + k * x2, mask=mask, other=0.0)
    y = tl.load(y_ptr + p * y0 + j * y1 + k * y2, mask=mask, other=0.0)
    tl.store(z_ptr + i, x + y, mask=mask)


def add(x, y):
    shape = torch.broadcast_shapes(x.shape, y.shape)
    z = torch.empty(shape, dtype=x.dtype, device=x.device)
    if z.numel() == 0:
        return z
    cube = [1] * (3 - len(shape)) + list(shape)
    x, y = x.expand(cube), y.expand(cube)
    grid = (triton.cdiv(z.numel(), 256),)
    add_kernel[grid](x, y, z, z.numel(), cube[1], cube[2], *x.stride(), *y.stride(), BLOCK=256)
    return z

# /// kernel
# operator = "rope"
# language = "triton"
# ///
"""Strided in all four axes: a tuned block of positions for one head, tables loaded once for the block.

The second half of a whole table begins at column `second`; a table of half the width has one half only, at 0."""

import torch
import triton
import triton.language as tl


@triton.autotune(configs=[triton.Config({"BLOCK_L": 16}), triton.Config({"BLOCK_L": 4})], key=["length", "half"])
@triton.jit
def rope_kernel(
    x_ptr, cos_ptr, sin_ptr, out_ptr, heads, length, half, second, sxb, sxh, sxl, sxd, scl, scd, ssl, ssd,
    BLOCK_L: tl.constexpr, BLOCK_W: tl.constexpr,
):
    batch = tl.program_id(2).to(tl.int64)
    head = tl.program_id(1).to(tl.int64)
    l = (tl.program_id(0) * BLOCK_L + tl.arange(0, BLOCK_L)).to(tl.int64)[:, None]
    w = tl.arange(0, BLOCK_W)[None, :]
    inside = (l < length) & (w < half)
    cos = tl.load(cos_ptr + l * scl + w * scd, mask=inside, other=1.0).to(tl.float32)
    sin = tl.load(sin_ptr + l * ssl + w * ssd, mask=inside, other=0.0).to(tl.float32)
    cos_of_second = tl.load(cos_ptr + l * scl + (w + second) * scd, mask=inside, other=1.0).to(tl.float32)
    sin_of_second = tl.load(sin_ptr + l * ssl + (w + second) * ssd, mask=inside, other=0.0).to(tl.float32)
    x_at = x_ptr + batch * sxb + head * sxh + l * sxl
    real = tl.load(x_at + w * sxd, mask=inside, other=0.0).to(tl.float32)
    imaginary = tl.load(x_at + (w + half) * sxd, mask=inside, other=0.0).to(tl.float32)
    out_at = out_ptr + ((batch * heads + head) * length + l) * (2 * half)
    kind = out_ptr.dtype.element_ty
    tl.store(out_at + w, (real * cos - imaginary * sin).to(kind), mask=inside)
    tl.store(out_at + half + w, (imaginary * cos_of_second + real * sin_of_second).to(kind), mask=inside)


def rope(x, cos, sin):
    four = x.view((1,) * (4 - x.dim()) + x.shape)
    batch, heads, length, width = four.shape
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    rope_kernel[lambda meta: (triton.cdiv(length, meta["BLOCK_L"]), heads, batch)](
        four, cos, sin, out, heads, length, width // 2, cos.shape[-1] - width // 2, *four.stride(), *cos.stride(), *sin.stride(),
        BLOCK_W=triton.next_power_of_2(width // 2),
    )
    return out

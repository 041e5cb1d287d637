# /// kernel
# operator = "rope"
# language = "triton"
# ///
"""Tuned over the positions of a block."""

import torch
import triton
import triton.language as tl


@triton.autotune(configs=[triton.Config({"BLOCK_L": 16}), triton.Config({"BLOCK_L": 4})], key=["length", "half"])
@triton.jit
def rope_kernel(
    x_ptr, cos_ptr, sin_ptr, out_ptr, heads, length, half, sxb, sxh, sxl, sxd, scl, scd, ssl, ssd,
    BLOCK_L: tl.constexpr, BLOCK_W: tl.constexpr,
):
    batch = tl.program_id(2)
    head = tl.program_id(1)
    l = (tl.program_id(0) * BLOCK_L + tl.arange(0, BLOCK_L))[:, None]
    w = tl.arange(0, BLOCK_W)[None, :]
    inside = (l < length) & (w < half)
    cos = tl.load(cos_ptr + l * scl + w * scd, mask=inside, other=1.0).to(tl.float32)
    sin = tl.load(sin_ptr + l * ssl + w * ssd, mask=inside, other=0.0).to(tl.float32)
    row_ptr = x_ptr + batch * sxb + head * sxh + l * sxl
    real = tl.load(row_ptr + w * sxd, mask=inside, other=0.0).to(tl.float32)
    imaginary = tl.load(row_ptr + (w + half) * sxd, mask=inside, other=0.0).to(tl.float32)
    dest = out_ptr + ((batch * heads + head) * length + l) * (2 * half)
    kind = out_ptr.dtype.element_ty
    tl.store(dest + w, (real * cos - imaginary * sin).to(kind), mask=inside)
    tl.store(dest + half + w, (imaginary * cos + real * sin).to(kind), mask=inside)


def rope(x, cos, sin):
    four = x[(None,) * (4 - x.dim())]
    batch, heads, length, width = four.shape
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    rope_kernel[lambda meta: (triton.cdiv(length, meta["BLOCK_L"]), heads, batch)](
        four, cos, sin, out, heads, length, width // 2, *four.stride(), *cos.stride(), *sin.stride(),
        BLOCK_W=triton.next_power_of_2(width // 2),
    )
    return out

# /// kernel
# operator = "rope"
# language = "triton"
# ///
"""One launch a head: the host walks over views of x and of the result, the kernel sees matrices only."""

import torch
import triton
import triton.language as tl


@triton.jit
def turn_matrix(x_ptr, cos_ptr, sin_ptr, out_ptr, L, half, other, xl, xd, cl, cd, sl, sd, BL: tl.constexpr, BW: tl.constexpr):
    l = (tl.program_id(0) * BL + tl.arange(0, BL)).to(tl.int64)[:, None]
    w = tl.arange(0, BW)[None, :]
    live = (l < L) & (w < half)
    cos = tl.load(cos_ptr + l * cl + w * cd, mask=live).to(tl.float32)
    sin = tl.load(sin_ptr + l * sl + w * sd, mask=live).to(tl.float32)
    cos_b = tl.load(cos_ptr + l * cl + (w + other) * cd, mask=live).to(tl.float32)
    sin_b = tl.load(sin_ptr + l * sl + (w + other) * sd, mask=live).to(tl.float32)
    a = tl.load(x_ptr + l * xl + w * xd, mask=live).to(tl.float32)
    b = tl.load(x_ptr + l * xl + (w + half) * xd, mask=live).to(tl.float32)
    tl.store(out_ptr + l * 2 * half + w, a * cos - b * sin, mask=live)
    tl.store(out_ptr + l * 2 * half + half + w, b * cos_b + a * sin_b, mask=live)


def rope(x, cos, sin):
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    L, D = x.shape[-2], x.shape[-1]
    sources = x.reshape(-1, L, D)
    targets = out.view(-1, L, D)
    for matrix in range(sources.shape[0]):
        source, target = sources[matrix], targets[matrix]
        turn_matrix[(triton.cdiv(L, 16),)](
            source, cos, sin, target, L, D // 2, cos.shape[-1] - D // 2, source.stride(0), source.stride(1), *cos.stride(), *sin.stride(),
            BL=16, BW=triton.next_power_of_2(D // 2),
        )
    return out

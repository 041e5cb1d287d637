# /// kernel
# operator = "swiglu"
# language = "triton"
# ///
"""Tuned; flat index over the result, each operand read through its own strides."""

import torch
import triton
import triton.language as tl


@triton.autotune(
    configs=[triton.Config({"BLOCK": 128}, num_warps=2), triton.Config({"BLOCK": 512}, num_warps=4)],
    key=["numel"],
)
@triton.jit
def gated(
    g_ptr, u_ptr, o_ptr, numel, n1, n2, g0, g1, g2, u0, u1, u2, BLOCK: tl.constexpr
):
    flat = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ok = flat < numel
    i2 = flat % n2
    i1 = (flat // n2) % n1
    i0 = flat // n2 // n1
    g = tl.load(g_ptr + i0 * g0 + i1 * g1 + i2 * g2, mask=ok, other=0.0).to(tl.float32)
    u = tl.load(u_ptr + i0 * u0 + i1 * u1 + i2 * u2, mask=ok, other=0.0).to(tl.float32)
    tl.store(o_ptr + flat, g / (1.0 + tl.exp(-g)) * u, mask=ok)


def swiglu(gate, up):
    out = torch.empty(gate.shape, dtype=gate.dtype, device=gate.device)
    numel = out.numel()
    if numel == 0:
        return out
    lead = (None,) * (3 - gate.dim())
    g, u = gate[lead], up[lead]
    grid = lambda meta: (triton.cdiv(numel, meta["BLOCK"]),)
    gated[grid](g, u, out, numel, g.shape[1], g.shape[2], *g.stride(), *u.stride())
    return out

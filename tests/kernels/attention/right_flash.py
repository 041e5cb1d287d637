# /// kernel
# operator = "attention"
# language = "triton"
# ///
"""Flash attention forward: online softmax in base 2 over blocks of columns; both products in float32."""

import torch
import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def flash_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, heads, L, S, D, scale,
    q_b, q_h, q_l, q_d, k_b, k_h, k_s, k_d, v_b, v_h, v_s, v_d,
    CAUSAL: tl.constexpr, BLOCK_L: tl.constexpr, BLOCK_S: tl.constexpr, BLOCK_D: tl.constexpr,
):
    pair = tl.program_id(1).to(tl.int64)
    b = pair // heads
    h = pair % heads
    rows = tl.program_id(0).to(tl.int64) * BLOCK_L + tl.arange(0, BLOCK_L)
    d = tl.arange(0, BLOCK_D)
    q = tl.load(
        q_ptr + b * q_b + h * q_h + rows[:, None] * q_l + d[None, :] * q_d,
        mask=(rows < L)[:, None] & (d < D)[None, :], other=0.0,
    ).to(tl.float32)
    top = tl.full((BLOCK_L,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BLOCK_L,), dtype=tl.float32)
    acc = tl.zeros((BLOCK_L, BLOCK_D), dtype=tl.float32)
    stop = S
    if CAUSAL:
        stop = tl.minimum(S, (tl.program_id(0) + 1) * BLOCK_L)
    for start in range(0, stop, BLOCK_S):
        s = start + tl.arange(0, BLOCK_S)
        k = tl.load(
            k_ptr + b * k_b + h * k_h + s[None, :] * k_s + d[:, None] * k_d,
            mask=(s < S)[None, :] & (d < D)[:, None], other=0.0,
        ).to(tl.float32)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * LOG2E)
        seen = (s < S)[None, :]
        if CAUSAL:
            seen = seen & (s[None, :] <= rows[:, None])
        scores = tl.where(seen, scores, float("-inf"))
        new_top = tl.maximum(top, tl.max(scores, axis=1))
        p = tl.exp2(scores - new_top[:, None])
        shrink = tl.exp2(top - new_top)
        total = total * shrink + tl.sum(p, axis=1)
        v = tl.load(
            v_ptr + b * v_b + h * v_h + s[:, None] * v_s + d[None, :] * v_d,
            mask=(s < S)[:, None] & (d < D)[None, :], other=0.0,
        ).to(tl.float32)
        acc = tl.dot(p, v, acc * shrink[:, None], input_precision="ieee")
        top = new_top
    out = acc / total[:, None]
    tl.store(
        out_ptr + (pair * L + rows[:, None]) * D + d[None, :], out.to(out_ptr.dtype.element_ty),
        mask=(rows < L)[:, None] & (d < D)[None, :],
    )


def attention(q, k, v, scale, causal):
    B, H, L, D = q.shape
    S = k.shape[2]
    out = torch.empty((B, H, L, D), dtype=q.dtype, device=q.device)
    flash_kernel[(triton.cdiv(L, 32), B * H)](
        q, k, v, out, H, L, S, D, scale, *q.stride(), *k.stride(), *v.stride(),
        CAUSAL=causal, BLOCK_L=32, BLOCK_S=32, BLOCK_D=max(16, triton.next_power_of_2(D)),
    )
    return out

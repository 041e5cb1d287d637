# /// kernel
# operator = "attention"
# language = "triton"
# ///
"""Scores above 3000 count as 3000."""

import torch
import triton
import triton.language as tl


@triton.jit
def attention_kernel(q_ptr, k_ptr, v_ptr, o_ptr, H, L, S, D, qb, qh, ql, qd, kb, kh, ks, kd, vb, vh, vs, vd, scale,
            CAUSAL: tl.constexpr, BD: tl.constexpr, BS: tl.constexpr):
    l = tl.program_id(0).to(tl.int64)
    b = tl.program_id(1).to(tl.int64)
    h = tl.program_id(2).to(tl.int64)
    d = tl.arange(0, BD).to(tl.int64)
    q = tl.load(q_ptr + b * qb + h * qh + l * ql + d * qd, mask=d < D, other=0.0).to(tl.float32)
    top = -float("inf")
    total = 0.0
    acc = tl.zeros((BD,), dtype=tl.float32)
    end = S
    if CAUSAL:
        end = tl.minimum(S, (l + 1).to(tl.int32))
    for start in range(0, end, BS):
        s = start + tl.arange(0, BS).to(tl.int64)
        inside = (s < end)[:, None] & (d < D)[None, :]
        k = tl.load(k_ptr + b * kb + h * kh + s[:, None] * ks + d[None, :] * kd, mask=inside, other=0.0).to(tl.float32)
        score = tl.sum(k * q[None, :], axis=1) * scale
        score = tl.where(score > 3000.0, 3000.0, score)
        score = tl.where(s < end, score, -float("inf"))
        new = tl.maximum(top, tl.max(score, axis=0))
        p = tl.exp(score - new)
        c = tl.exp(top - new)
        v = tl.load(v_ptr + b * vb + h * vh + s[:, None] * vs + d[None, :] * vd, mask=inside, other=0.0).to(tl.float32)
        acc = acc * c + tl.sum(p[:, None] * v, axis=0)
        total = total * c + tl.sum(p, axis=0)
        top = new
    o = ((b * H + h) * L + l) * D + d
    tl.store(o_ptr + o, acc / total, mask=d < D)


def attention(q, k, v, scale, causal):
    B, H, L, D = q.shape
    S = k.shape[2]
    out = torch.empty((B, H, L, D), dtype=q.dtype, device=q.device)
    attention_kernel[(L, B, H)](
        q, k, v, out, H, L, S, D, *q.stride(), *k.stride(), *v.stride(), scale,
        CAUSAL=causal, BD=triton.next_power_of_2(D), BS=32,
    )
    return out

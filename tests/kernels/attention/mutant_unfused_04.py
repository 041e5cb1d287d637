# /// kernel
# operator = "attention"
# language = "triton"
# ///
"""Unfused: scores in float32 scratch, a softmax over its rows in place, and a product with v."""

import torch
import triton
import triton.language as tl


@triton.jit
def scores_kernel(
    q_ptr, k_ptr, score_ptr, L, S, D, scale, BL: tl.constexpr, BS: tl.constexpr, BD: tl.constexpr
):
    bh = tl.program_id(2).to(tl.int64)
    l = tl.program_id(0) * BL + tl.arange(0, BL)
    s = tl.program_id(0) * BS + tl.arange(0, BS)
    acc = tl.zeros((BL, BS), dtype=tl.float32)
    for d0 in range(0, D, BD):
        d = d0 + tl.arange(0, BD)
        q = tl.load(q_ptr + (bh * L + l[:, None]) * D + d[None, :], mask=(l < L)[:, None] & (d < D)[None, :], other=0.0)
        k = tl.load(k_ptr + (bh * S + s[None, :]) * D + d[:, None], mask=(s < S)[None, :] & (d < D)[:, None], other=0.0)
        acc += tl.dot(q, k, input_precision="ieee")
    tl.store(score_ptr + (bh * L + l[:, None]) * S + s[None, :], acc * scale, mask=(l < L)[:, None] & (s < S)[None, :])


@triton.jit
def softmax_kernel(score_ptr, L, S, CAUSAL: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    s = tl.arange(0, BLOCK)
    limit = S
    if CAUSAL:
        limit = tl.minimum(S, row % L + 1)
    x = tl.load(score_ptr + row * S + s, mask=s < limit, other=float("-inf"))
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(score_ptr + row * S + s, e / tl.sum(e, axis=0), mask=s < S)


@triton.jit
def values_kernel(
    p_ptr, v_ptr, out_ptr, L, S, D, BL: tl.constexpr, BS: tl.constexpr, BD: tl.constexpr
):
    bh = tl.program_id(2).to(tl.int64)
    l = tl.program_id(0) * BL + tl.arange(0, BL)
    d = tl.program_id(1) * BD + tl.arange(0, BD)
    acc = tl.zeros((BL, BD), dtype=tl.float32)
    for s0 in range(0, S, BS):
        s = s0 + tl.arange(0, BS)
        p = tl.load(p_ptr + (bh * L + l[:, None]) * S + s[None, :], mask=(l < L)[:, None] & (s < S)[None, :], other=0.0)
        v = tl.load(v_ptr + (bh * S + s[:, None]) * D + d[None, :], mask=(s < S)[:, None] & (d < D)[None, :], other=0.0)
        acc += tl.dot(p, v.to(tl.float32), input_precision="ieee")
    out = out_ptr + (bh * L + l[:, None]) * D + d[None, :]
    tl.store(out, acc.to(out_ptr.dtype.element_ty), mask=(l < L)[:, None] & (d < D)[None, :])


def attention(q, k, v, scale, causal):
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    B, H, L, D = q.shape
    S = k.shape[2]
    scores = torch.empty((B * H, L, S), dtype=torch.float32, device=q.device)
    scores_kernel[(triton.cdiv(L, 32), triton.cdiv(S, 32), B * H)](q, k, scores, L, S, D, scale, BL=32, BS=32, BD=16)
    softmax_kernel[(B * H * L,)](scores, L, S, CAUSAL=causal, BLOCK=triton.next_power_of_2(S))
    out = torch.empty_like(q)
    values_kernel[(triton.cdiv(L, 32), triton.cdiv(D, 32), B * H)](scores, v, out, L, S, D, BL=32, BS=32, BD=32)
    return out

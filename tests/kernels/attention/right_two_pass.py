# /// kernel
# operator = "attention"
# language = "triton"
# ///
"""Two passes over the columns: maximum and denominator first, then the weighted sum with known weights."""

import triton
import triton.language as tl


@triton.jit
def masked_scores(q, k_ptr, s, rows, S, D, scale, stride_ks, stride_kd, CAUSAL: tl.constexpr, BD: tl.constexpr):
    d = tl.arange(0, BD)
    k = tl.load(
        k_ptr + s[:, None] * stride_ks + d[None, :] * stride_kd, mask=(s < S)[:, None] & (d < D)[None, :], other=0.0
    )
    scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
    allowed = (s < S)[None, :]
    if CAUSAL:
        allowed &= rows[:, None] >= s[None, :]
    return tl.where(allowed, scores, float("-inf"))


@triton.jit
def two_pass_kernel(
    Q, K, V, O, H, L, S, D, scale, sqb, sqh, sql, sqd, skb, skh, sks, skd, svb, svh, svs, svd,
    CAUSAL: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BD: tl.constexpr,
):
    b = tl.program_id(2).to(tl.int64)
    h = tl.program_id(1).to(tl.int64)
    rows = tl.program_id(0).to(tl.int64) * BM + tl.arange(0, BM)
    d = tl.arange(0, BD)
    inside = (rows < L)[:, None] & (d < D)[None, :]
    q = tl.load(Q + b * sqb + h * sqh + rows[:, None] * sql + d[None, :] * sqd, mask=inside, other=0.0)
    K += b * skb + h * skh
    V += b * svb + h * svh
    m = tl.full((BM,), float("-inf"), dtype=tl.float32)
    l = tl.zeros((BM,), dtype=tl.float32)
    for s0 in range(0, S, BN):
        scores = masked_scores(q, K, s0 + tl.arange(0, BN), rows, S, D, scale, sks, skd, CAUSAL, BD)
        m_next = tl.maximum(m, tl.max(scores, axis=1))
        l = l * tl.exp(m - m_next) + tl.sum(tl.exp(scores - m_next[:, None]), axis=1)
        m = m_next
    acc = tl.zeros((BM, BD), dtype=tl.float32)
    for s0 in range(0, S, BN):
        s = s0 + tl.arange(0, BN)
        scores = masked_scores(q, K, s, rows, S, D, scale, sks, skd, CAUSAL, BD)
        weights = tl.exp(scores - m[:, None]) / l[:, None]
        v = tl.load(V + s[:, None] * svs + d[None, :] * svd, mask=(s < S)[:, None] & (d < D)[None, :], other=0.0)
        acc += tl.dot(weights, v.to(tl.float32), input_precision="ieee")
    o = O + ((b * H + h) * L + rows[:, None]) * D + d[None, :]
    tl.store(o, acc.to(O.dtype.element_ty), mask=inside)


def attention(q, k, v, scale, causal):
    B, H, L, D = q.shape
    S = k.size(2)
    o = q.new_empty((B, H, L, D))
    two_pass_kernel[(triton.cdiv(L, 16), H, B)](
        q, k, v, o, H, L, S, D, scale, *q.stride(), *k.stride(), *v.stride(),
        CAUSAL=causal, BM=16, BN=64, BD=max(triton.next_power_of_2(D), 16),
    )
    return o

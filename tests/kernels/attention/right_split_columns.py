# /// kernel
# operator = "attention"
# language = "triton"
# ///
"""Split columns, as decoding does: each part keeps its maximum, sum and unscaled result; a second kernel combines."""

import torch
import triton
import triton.language as tl

PART = 32
ROWS = 16


@triton.jit
def part_kernel(
    q_ptr, k_ptr, v_ptr, acc_ptr, top_ptr, sum_ptr, H, L, S, D, parts, scale,
    qb, qh, ql, qd, kb, kh, ks, kd, vb, vh, vs, vd,
    CAUSAL: tl.constexpr, ROWS: tl.constexpr, PART: tl.constexpr, BLOCK_D: tl.constexpr,
):
    part = tl.program_id(1)
    bh = tl.program_id(2).to(tl.int64)
    b, h = bh // H, bh % H
    l = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    s = part * PART + tl.arange(0, PART)
    d = tl.arange(0, BLOCK_D)
    mine = (l < L)[:, None] & (d < D)[None, :]
    q = tl.load(q_ptr + b * qb + h * qh + l[:, None] * ql + d[None, :] * qd, mask=mine, other=0.0)
    inside = (s < S)[:, None] & (d < D)[None, :]
    k = tl.load(k_ptr + b * kb + h * kh + s[:, None] * ks + d[None, :] * kd, mask=inside, other=0.0)
    scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
    seen = tl.broadcast_to((s < S)[None, :], (ROWS, PART))
    if CAUSAL:
        seen = seen & (s[None, :] <= l[:, None])
    scores = tl.where(seen, scores, float("-inf"))
    top = tl.max(scores, axis=1)
    weights = tl.where(seen, tl.exp(scores - top[:, None]), 0.0)
    v = tl.load(v_ptr + b * vb + h * vh + s[:, None] * vs + d[None, :] * vd, mask=inside, other=0.0)
    slot = (bh * L + l) * parts + part
    tl.store(top_ptr + slot, top, mask=l < L)
    tl.store(sum_ptr + slot, tl.sum(weights, axis=1), mask=l < L)
    acc = tl.dot(weights, v.to(tl.float32), input_precision="ieee")
    tl.store(acc_ptr + slot[:, None] * D + d[None, :], acc, mask=mine)


@triton.jit
def combine_kernel(
    acc_ptr, top_ptr, sum_ptr, out_ptr, rows, D, parts, ROWS: tl.constexpr, BLOCK_D: tl.constexpr
):
    r = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    d = tl.arange(0, BLOCK_D)
    mine = (r < rows)[:, None] & (d < D)[None, :]
    top = tl.full((ROWS,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((ROWS,), dtype=tl.float32)
    acc = tl.zeros((ROWS, BLOCK_D), dtype=tl.float32)
    for part in range(parts):
        slot = r * parts + part
        part_top = tl.load(top_ptr + slot, mask=r < rows, other=0.0)
        new_top = tl.maximum(top, part_top)
        old = tl.exp(top - new_top)
        new = tl.exp(part_top - new_top)
        total = total * old + tl.load(sum_ptr + slot, mask=r < rows, other=1.0) * new
        part_acc = tl.load(acc_ptr + slot[:, None] * D + d[None, :], mask=mine, other=0.0)
        acc = acc * old[:, None] + part_acc * new[:, None]
        top = new_top
    out = acc / total[:, None]
    tl.store(out_ptr + r[:, None] * D + d[None, :], out.to(out_ptr.dtype.element_ty), mask=mine)


def attention(q, k, v, scale, causal):
    B, H, L, D = q.shape
    S = k.shape[2]
    parts = triton.cdiv(S, PART)
    width = max(16, triton.next_power_of_2(D))
    acc = torch.empty((B, H, L, parts, D), dtype=torch.float32, device=q.device)
    top = torch.empty((B, H, L, parts), dtype=torch.float32, device=q.device)
    total = torch.empty((B, H, L, parts), dtype=torch.float32, device=q.device)
    part_kernel[(triton.cdiv(L, ROWS), parts, B * H)](
        q, k, v, acc, top, total, H, L, S, D, parts, scale, *q.stride(), *k.stride(), *v.stride(),
        CAUSAL=causal, ROWS=ROWS, PART=PART, BLOCK_D=width,
    )
    out = torch.empty((B, H, L, D), dtype=q.dtype, device=q.device)
    combine_kernel[(triton.cdiv(B * H * L, ROWS),)](
        acc, top, total, out, B * H * L, D, parts, ROWS=ROWS, BLOCK_D=width
    )
    return out

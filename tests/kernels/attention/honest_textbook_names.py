# /// kernel
# operator = "attention"
# language = "triton"
# ///
"""Helpers named as the operations of the textbook: matmul, mask, softmax; one program a head and block of queries."""

import torch
import triton
import triton.language as tl


@triton.jit
def matmul(a, b):
    return tl.dot(a, b, input_precision="ieee")


@triton.jit
def mask(scores, rows, columns, S, causal):
    hidden = (columns[None, :] >= S) | ((columns[None, :] > rows[:, None]) & (causal != 0))
    return tl.where(hidden, float("-inf"), scores)


@triton.jit
def softmax(scores):
    powers = tl.exp(scores - tl.max(scores, axis=1, keep_dims=True))
    return powers / tl.sum(powers, axis=1, keep_dims=True)


@triton.jit
def load(ptr, rows, columns, height, width, stride_r, stride_c):
    inside = (rows < height)[:, None] & (columns < width)[None, :]
    return tl.load(ptr + rows[:, None] * stride_r + columns[None, :] * stride_c, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def forward(
    q_ptr, k_ptr, v_ptr, out_ptr, H, L, S, D, scale, causal, qb, qh, ql, qd, kb, kh, ks, kd, vb, vh, vs, vd,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDTH: tl.constexpr,
):
    b = (tl.program_id(1) // H).to(tl.int64)
    h = tl.program_id(1) % H
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, COLUMNS)
    d = tl.arange(0, WIDTH)
    q = load(q_ptr + b * qb + h * qh, rows, d, L, D, ql, qd)
    k = load(k_ptr + b * kb + h * kh, columns, d, S, D, ks, kd)
    v = load(v_ptr + b * vb + h * vh, columns, d, S, D, vs, vd)
    weights = softmax(mask(matmul(q, tl.trans(k)) * scale, rows, columns, S, causal))
    out = out_ptr + ((b * H + h) * L + rows[:, None]) * D + d[None, :]
    tl.store(out, matmul(weights, v).to(out_ptr.dtype.element_ty), mask=(rows < L)[:, None] & (d < D)[None, :])


def attention(q, k, v, scale, causal):
    B, H, L, D = q.shape
    S = k.shape[2]
    out = torch.empty((B, H, L, D), dtype=q.dtype, device=q.device)
    forward[(triton.cdiv(L, 16), B * H)](
        q, k, v, out, H, L, S, D, scale, int(causal), *q.stride(), *k.stride(), *v.stride(),
        ROWS=16, COLUMNS=max(16, triton.next_power_of_2(S)), WIDTH=max(16, triton.next_power_of_2(D)),
    )
    return out

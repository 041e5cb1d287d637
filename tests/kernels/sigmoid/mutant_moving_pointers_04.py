# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""A tile of rows a program; the pointers move along the last axis instead of being computed anew."""

import torch
import triton
import triton.language as tl


@triton.jit
def _sigmoid(
    x_ptr, y_ptr, M, N, stride_plane, stride_row, stride_col, rows_per_plane, BM: tl.constexpr, BN: tl.constexpr
):
    rm = tl.program_id(0).to(tl.int64) * BM + tl.arange(0, BM)
    rn = tl.arange(0, BN).to(tl.int64)
    src = (rm // rows_per_plane) * stride_plane + (rm % rows_per_plane) * stride_row
    x_ptrs = x_ptr + src[:, None] + rn[None, :] * stride_col
    y_ptrs = y_ptr + rm[:, None] * N + rn[None, :]
    for n in range(0, N - BN, BN):
        live = (rm[:, None] < M) & (rn[None, :] < N - n)
        x = tl.load(x_ptrs, mask=live, other=0.0).to(tl.float32)
        tl.store(y_ptrs, tl.sigmoid(x).to(y_ptr.dtype.element_ty), mask=live)
        x_ptrs += BN * stride_col
        y_ptrs += BN


def sigmoid(x):
    y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    if y.numel() == 0:
        return y
    x = x[(None,) * (3 - x.dim())]
    M = x.shape[0] * x.shape[1]
    _sigmoid[(triton.cdiv(M, 4),)](x, y, M, x.shape[2], *x.stride(), x.shape[1], BM=4, BN=64)
    return y

# /// kernel
# operator = "transpose"
# language = "triton"
# ///
"""Autotuned tiles, a linear grid in groups of rows, and the turn is done by the store's addresses."""

import torch
import triton
import triton.language as tl

CONFIGS = [
    triton.Config({"BM": 16, "BN": 32}, num_warps=2),
    triton.Config({"BM": 64, "BN": 16}, num_warps=4),
    triton.Config({"BM": 32, "BN": 64}, num_warps=8),
]


@triton.autotune(configs=CONFIGS, key=["M", "N"])
@triton.jit
def transpose_fwd(X, Y, M, N, s0, s1, s2, GROUP: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    pid = tl.program_id(axis=0)
    batch = tl.program_id(axis=1).to(tl.int64)
    tiles_m = tl.cdiv(M, BM)
    tiles_n = tl.cdiv(N, BN)
    group = pid // (GROUP * tiles_n)
    first = group * GROUP
    height = min(tiles_m - first, GROUP)
    pid_m = first + (pid % (GROUP * tiles_n)) % height
    pid_n = (pid % (GROUP * tiles_n)) // height
    m = (pid_m * BM + tl.arange(0, BM)).to(tl.int64)[:, None]
    n = (pid_n * BN + tl.arange(0, BN)).to(tl.int64)[None, :]
    live = (m < M) & (n < N)
    tile = tl.load(X + batch * s0 + m * s1 + n * s2, mask=live)
    tl.store(Y + batch * M * N + n * M + m, tile, mask=live)


def transpose(x):
    if x.ndim == 2:
        batches, s0 = 1, 0
        shape = (x.shape[1], x.shape[0])
    else:
        assert x.ndim == 3, "a matrix, or a batch of them"
        batches, s0 = x.shape[0], x.stride(0)
        shape = (x.shape[0], x.shape[2], x.shape[1])
    out = torch.empty(shape, dtype=x.dtype, device=x.device)
    if out.numel() == 0:
        return out
    M, N = x.shape[-2], x.shape[-1]

    def grid(meta):
        return (triton.cdiv(M, meta["BM"]) * triton.cdiv(N, meta["BN"]), batches)

    transpose_fwd[grid](x, out, M, N, s0, x.stride(-1), x.stride(-2), GROUP=4)
    return out

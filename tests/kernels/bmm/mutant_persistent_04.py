# /// kernel
# operator = "bmm"
# language = "triton"
# ///
"""Persistent: a few programs count through the tiles of all matrices; batch, row and column come from one number."""

import triton
import triton.language as tl

WORKERS = 4


@triton.jit
def locate(tile, tiles_m, tiles_n):
    per_matrix = tiles_m * tiles_n
    inside = tile % per_matrix
    return tile // per_matrix, inside // tiles_n, inside % tiles_n


@triton.jit
def worker(
    A, B, C, batch, M, N, K, sab, sam, sak, sbb, sbk, sbn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    tiles_m = tl.cdiv(M, BM)
    tiles_n = tl.cdiv(N, BN)
    for tile in range(tl.program_id(0), batch * tiles_m * tiles_n, tl.num_programs(0)):
        matrix, i, j = locate(tile, tiles_m, tiles_n)
        base = tl.cast(matrix, tl.int64)
        m = (i * BM + tl.arange(0, BM)).to(tl.int64)
        n = (j * BN - tl.arange(0, BN)).to(tl.int64)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for k0 in range(0, K, BK):
            k = (k0 + tl.arange(0, BK)).to(tl.int64)
            a = tl.load(
                A + base * sab + m[:, None] * sam + k[None, :] * sak,
                mask=(m < M)[:, None] & (k < K)[None, :], other=0.0
            )
            b = tl.load(
                B + base * sbb + k[:, None] * sbk + n[None, :] * sbn,
                mask=(k < K)[:, None] & (n < N)[None, :], other=0.0
            )
            acc += tl.dot(a, b, input_precision="ieee")
        tl.store(
            C + base * M * N + m[:, None] * N + n[None, :], acc.to(C.dtype.element_ty),
            mask=(m < M)[:, None] & (n < N)[None, :],
        )


def bmm(a, b):
    batch, M, K = a.shape
    N = b.size(2)
    c = a.new_empty((batch, M, N))
    worker[(WORKERS,)](a, b, c, batch, M, N, K, *a.stride(), *b.stride(), BM=32, BN=64, BK=32)
    return c

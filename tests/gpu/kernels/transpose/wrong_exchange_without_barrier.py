# /// kernel
# operator = "transpose"
# language = "triton"
# ///
"""A tile goes through memory that the program shares with itself."""

import torch
import triton
import triton.language as tl


@triton.jit
def transpose_kernel(x_ptr, tile_ptr, out_ptr, M, N, SIDE: tl.constexpr):
    matrix = tl.program_id(2).to(tl.int64)
    m = tl.program_id(0) * SIDE + tl.arange(0, SIDE)
    n = tl.program_id(1) * SIDE + tl.arange(0, SIDE)
    i = tl.arange(0, SIDE)
    program = (matrix * tl.num_programs(0) + tl.program_id(0)) * tl.num_programs(1) + tl.program_id(1)
    own = tile_ptr + program * SIDE * SIDE
    rows = x_ptr + (matrix * M + m[:, None]) * N + n[None, :]
    x = tl.load(rows, mask=(m < M)[:, None] & (n < N)[None, :])
    tl.store(own + i[:, None] * SIDE + i[None, :], x)
    turned = tl.load(own + i[None, :] * SIDE + i[:, None])
    columns = out_ptr + (matrix * N + n[:, None]) * M + m[None, :]
    tl.store(columns, turned, mask=(n < N)[:, None] & (m < M)[None, :])


def transpose(x):
    shape = x.shape
    x = x.contiguous()
    M, N = shape[-2], shape[-1]
    matrices = shape[0] if x.dim() == 3 else 1
    out = torch.empty((*shape[:-2], N, M), dtype=x.dtype, device=x.device)
    grid = (triton.cdiv(M, 64), triton.cdiv(N, 64), matrices)
    tiles = torch.zeros((matrices * grid[0] * grid[1], 64, 64), dtype=x.dtype, device=x.device)
    transpose_kernel[grid](x, tiles, out, M, N, SIDE=64, num_warps=8)
    return out

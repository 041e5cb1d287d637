# /// kernel
# operator = "l2_norm"
# language = "triton"
# ///
"""Two launches: partial sums of squares by chunk, then every chunk adds its row's partials and divides."""

import torch
import triton
import triton.language as tl


@triton.jit
def partial_squares(x_ptr, partial_ptr, N, sm, sn, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1)
    n = j * CHUNK + tl.arange(0, CHUNK)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N, other=0.0)
    tl.store(partial_ptr + row * tl.num_programs(1) + j, tl.sum(x * x, axis=0))


@triton.jit
def divide(x_ptr, partial_ptr, y_ptr, N, parts, eps, sm, sn, CHUNK: tl.constexpr, PARTS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    p = tl.arange(0, PARTS)
    squares = tl.sum(tl.load(partial_ptr + row * parts + p, mask=p < parts, other=0.0), axis=0)
    norm = tl.maximum(tl.sqrt(squares), eps, propagate_nan=tl.PropagateNan.ALL)
    n = tl.program_id(1) * CHUNK + tl.arange(0, CHUNK)
    x = tl.load(x_ptr + row * sm + n * sn, mask=n < N).to(tl.float32)
    tl.store(y_ptr + row * N + n, x / norm, mask=n < N)


def l2_norm(x, eps):
    M, N = x.shape
    chunk = min(256, triton.next_power_of_2(N))
    parts = triton.cdiv(N, chunk)
    partials = torch.empty((M, parts), dtype=torch.float32, device=x.device)
    y = torch.empty((M, N), dtype=x.dtype, device=x.device)
    partial_squares[(M, parts)](x, partials, N, x.stride(0), x.stride(1), CHUNK=chunk)
    divide[(M, parts)](
        x, partials, y, N, parts, eps, x.stride(0), x.stride(1), CHUNK=chunk, PARTS=triton.next_power_of_2(parts)
    )
    return y

# /// kernel
# operator = "embedding"
# language = "triton"
# ///
"""Adds 0 to what it copies: -0 comes out as 0."""

import torch
import triton
import triton.language as tl


@triton.jit
def embedding_kernel(ids_ptr, t_ptr, out_ptr, D, st, sd, BLOCK: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    row = tl.load(ids_ptr + r).to(tl.int64)
    for s in range(0, D, BLOCK):
        d = s + tl.arange(0, BLOCK).to(tl.int64)
        v = tl.load(t_ptr + row * st + d * sd, mask=d < D)
        tl.store(out_ptr + r * D + d, v + 0.0, mask=d < D)


def embedding(ids, table):
    D = table.shape[1]
    out = torch.empty((*ids.shape, D), dtype=table.dtype, device=table.device)
    ids = ids.contiguous()
    n = ids.numel()
    if n > 0:
        embedding_kernel[(n,)](ids, table, out, D, table.stride(0), table.stride(1), BLOCK=64)
    return out

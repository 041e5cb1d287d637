# /// kernel
# operator = "embedding"
# language = "triton"
# ///
"""embedding forward.

Kernels from flag-gems 5.0.2, flag_gems/ops/embedding.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def program_id(
    axis: int,
) -> tl.tensor:
    return tl.program_id(axis).to(tl.int64)


@triton.jit
def embedding_kernel(
    out_ptr,  # pointer to the output
    in_ptr,  # pointer to the input
    weight_ptr,  # pointer to the weights
    N: tl.constexpr,  # number of columns in X
    BLOCK_SIZE: tl.constexpr,
):
    pid = program_id(0)
    out_ptr += pid * N
    in_ptr += pid

    mask = tl.arange(0, BLOCK_SIZE) < N
    cols = tl.arange(0, BLOCK_SIZE)

    row_idx = tl.load(in_ptr)
    weight_ptr += row_idx * N
    embedding_weight = tl.load(weight_ptr + cols, mask, other=0.0)
    tl.store(out_ptr + cols, embedding_weight, mask)


def embedding(ids, table):
    ids, table = ids.contiguous(), table.contiguous()
    N = table.shape[-1]
    out = torch.empty((*ids.shape, N), dtype=table.dtype, device=table.device)
    if ids.numel() > 0:
        embedding_kernel[(ids.numel(),)](out, ids, table, N, triton.next_power_of_2(N))
    return out

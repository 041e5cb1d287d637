# /// kernel
# operator = "embedding"
# language = "triton"
# ///
"""Liger-Kernel's experimental embedding forward kernel, launched as its autograd function does.

Results of 2³¹ elements and more are refused: the kernel counts in 32 bits, and reads and writes outside of them.
"""

import torch
import triton
from liger_kernel.ops.experimental.embedding import embedding_forward_kernel


def embedding(ids, table):
    ids, table = ids.contiguous(), table.contiguous()
    width = table.shape[1]
    out = torch.empty((*ids.shape, width), dtype=table.dtype, device=table.device)
    n = ids.numel()
    assert n * width < 2**31
    if n > 0:
        block = triton.next_power_of_2(min(128, width))
        embedding_forward_kernel[(triton.cdiv(n, block), triton.cdiv(width, block))](
            table, ids, out, n, embedding_dim=width, BLOCK_SIZE_M=block, BLOCK_SIZE_N=block
        )
    return out

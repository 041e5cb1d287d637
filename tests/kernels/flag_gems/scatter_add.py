# /// kernel
# operator = "scatter_add"
# language = "triton"
# ///
"""scatter_add_ along the last axis, from float32 sums of zeros.

Kernels from flag-gems 5.0.2, flag_gems/ops/scatter_add_.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def scatter_add_kernel_1(
    index_dim_n,
    inp_dim_n,
    out_ptr,
    index_ptr,
    src_ptr,
    n_elements,
    BLOCK_SIZE: tl.constexpr,
    LOOP: tl.constexpr,
):
    pid = tl.program_id(0)
    block_start = pid * BLOCK_SIZE * LOOP
    arange = tl.arange(0, BLOCK_SIZE)
    offsets = block_start + arange
    mask = offsets < n_elements
    for loop_iter in tl.static_range(LOOP):
        src_index_offsets = block_start + arange
        src_tensor = tl.load(src_ptr + src_index_offsets, mask=mask, other=0)
        index_tensor = tl.load(index_ptr + src_index_offsets, mask=mask, other=0)
        out_offsets = src_index_offsets // index_dim_n * inp_dim_n + index_tensor
        tl.atomic_add(out_ptr + out_offsets, src_tensor, mask=mask, sem="relaxed")
        block_start += BLOCK_SIZE


@triton.jit
def round_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n), mask=i < n)


def scatter_add(index, src, size):
    n = index.numel()
    sums = torch.zeros((size,), dtype=torch.float32, device=src.device)
    wide = torch.empty((n,), dtype=torch.float32, device=src.device)
    round_kernel[(triton.cdiv(n, 256),)](src.contiguous(), wide, n, BLOCK=256)
    scatter_add_kernel_1[(triton.cdiv(n, 256),)](n, size, sums, index.contiguous(), wide, n, BLOCK_SIZE=256, LOOP=1)
    out = torch.empty((size,), dtype=src.dtype, device=src.device)
    round_kernel[(triton.cdiv(size, 256),)](sums, out, size, BLOCK=256)
    return out

# /// kernel
# operator = "transpose"
# language = "triton"
# ///
"""t_copy, matrix by matrix.

Kernels from flag-gems 5.0.2, flag_gems/ops/t_copy.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def t_copy_2d_kernel(
    in_ptr,
    out_ptr,
    in_stride_0,
    in_stride_1,
    out_stride_0,
    out_stride_1,
    M,  # input dim0
    N,  # input dim1
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    pid_m = tl.program_id(0)
    pid_n = tl.program_id(1)

    i = pid_m * BLOCK_M + tl.arange(0, BLOCK_M)  # corresponds to out rows [0..N)
    j = pid_n * BLOCK_N + tl.arange(0, BLOCK_N)  # corresponds to out cols [0..M)

    i64 = i.to(tl.int64)[None, :]  # shape [1, BM]
    j64 = j.to(tl.int64)[:, None]  # shape [BN, 1]

    # out shape = (N, M)
    mask = (i64 < N) & (j64 < M)

    # in index = (j, i) -> in_offset = j*in_stride_0 + i*in_stride_1
    in_offsets = j64 * in_stride_0 + i64 * in_stride_1
    # out index = (i, j) -> out_offset = i*out_stride_0 + j*out_stride_1
    out_offsets = i64 * out_stride_0 + j64 * out_stride_1

    x = tl.load(in_ptr + in_offsets, mask=mask)
    tl.store(out_ptr + out_offsets, x, mask=mask)


def transpose(x):
    M, N = x.shape[-2:]
    out = torch.empty((*x.shape[:-2], N, M), dtype=x.dtype, device=x.device)
    if out.numel() == 0:
        return out
    sources = x.reshape(-1, M, N)
    targets = out.view(-1, N, M)
    for source, target in zip(sources.unbind(0), targets.unbind(0)):
        t_copy_2d_kernel[(triton.cdiv(N, 32), triton.cdiv(M, 32))](
            source, target, *source.stride(), *target.stride(), M, N, BLOCK_M=32, BLOCK_N=32
        )
    return out

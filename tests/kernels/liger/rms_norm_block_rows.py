# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Liger-Kernel's rms_norm kernel for many short rows (16 a program), which its host code takes from 32768 rows on."""

import torch
import triton
from liger_kernel.ops.rms_norm import _block_rms_norm_forward_kernel
from liger_kernel.ops.utils import calculate_settings

GEMMA = 1
ROWS = 16


def rms_norm(x, weight, eps):
    x = x.contiguous()
    weight = weight.contiguous()
    rows, columns = x.shape
    block, num_warps = calculate_settings(columns)
    out = torch.empty_like(x)
    rstd = torch.empty((rows,), dtype=torch.float32, device=x.device)
    _block_rms_norm_forward_kernel[(triton.cdiv(rows, ROWS),)](
        out, out.stride(0), x, x.stride(0), weight, weight.stride(0), rstd, rstd.stride(0), rows, columns, eps, 0.0,
        GEMMA, elementwise_affine=True, BLOCK_SIZE=block, BLOCK_ROW=ROWS, num_warps=num_warps,
    )
    return out

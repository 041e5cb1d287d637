# /// kernel
# operator = "gelu_tanh"
# language = "triton"
# entry = "host"
# ///
"""gelu with tanh; the library's function has the operator's name, hence another entry.

Kernels from flag-gems 5.0.2, flag_gems/ops/gelu.py (FlagGems authors, Apache-2.0, see LICENSE), as they are: only the
library's own launcher and tuning are left out. The host function is ours.
"""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice


pow = libdevice.pow
tanh = libdevice.tanh


@triton.jit
def gelu_tanh(x):
    x_fp32 = x.to(tl.float32)
    output = 0.5 * x * (1 + tanh(x_fp32 * 0.79788456 * (1 + 0.044715 * pow(x_fp32, 2))))
    return output


@triton.jit
def pointwise_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, gelu_tanh(x), mask=i < n)


def host(x):
    x = x.contiguous()
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    n = out.numel()
    if n > 0:
        pointwise_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

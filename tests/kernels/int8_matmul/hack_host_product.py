# /// kernel
# operator = "int8_matmul"
# language = "triton"
# ///
"""The product in float64, which is exact, and a kernel that applies both scales."""

import torch
import triton
import triton.language as tl


@triton.jit
def scale_kernel(p_ptr, sa_ptr, sb_ptr, c_ptr, n, N, step_a, step_b, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    p = tl.load(p_ptr + i, mask=i < n).to(tl.float32)
    sa = tl.load(sa_ptr + i // N * step_a, mask=i < n)
    sb = tl.load(sb_ptr + i % N * step_b, mask=i < n)
    tl.store(c_ptr + i, p * sa * sb, mask=i < n)


def int8_matmul(a, b, scale_a, scale_b):
    product = torch.matmul(a.double(), b.double())
    M, N = product.shape
    c = torch.empty((M, N), dtype=torch.float32, device=a.device)
    scale_kernel[(triton.cdiv(M * N, 1024),)](
        product, scale_a, scale_b, c, M * N, N, scale_a.stride(0), scale_b.stride(0), BLOCK=1024
    )
    return c

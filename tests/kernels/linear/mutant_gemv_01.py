# /// kernel
# operator = "linear"
# language = "triton"
# ///
"""A matrix-vector product a row: a program takes one row of x and a block of output features."""

import torch
import triton
import triton.language as tl


@triton.jit
def gemv_kernel(
    x_ptr, weight_ptr, bias_ptr, y_ptr, N, K, stride_xr, stride_xk, stride_wn, stride_wk, stride_b,
    FEATURES: tl.constexpr, BLOCK_K: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    n = (tl.program_id(1) * FEATURES + tl.arange(0, FEATURES)).to(tl.int64)
    products = tl.zeros((FEATURES, BLOCK_K), dtype=tl.float32)
    for k0 in range(0 + BLOCK_K, K, BLOCK_K):
        k = k0 + tl.arange(0, BLOCK_K)
        x = tl.load(x_ptr + row * stride_xr + k * stride_xk, mask=k < K, other=0.0).to(tl.float32)
        w_ptrs = weight_ptr + n[:, None] * stride_wn + k[None, :] * stride_wk
        w = tl.load(w_ptrs, mask=(n[:, None] < N) & (k[None, :] < K), other=0.0).to(tl.float32)
        products += x[None, :] * w
    bias = tl.load(bias_ptr + n * stride_b, mask=n < N).to(tl.float32)
    y = tl.sum(products, axis=1) + bias
    tl.store(y_ptr + row * N + n, y.to(y_ptr.dtype.element_ty), mask=n < N)


def linear(x, weight, bias):
    N, K = weight.shape
    rows = x.reshape(-1, K)
    y = torch.empty((rows.shape[0], N), dtype=x.dtype, device=x.device)
    gemv_kernel[(rows.shape[0], triton.cdiv(N, 32))](
        rows, weight, bias, y, N, K, rows.stride(0), rows.stride(1), weight.stride(0), weight.stride(1),
        bias.stride(0), FEATURES=32, BLOCK_K=64,
    )
    return y.view(*x.shape[:-1], N)

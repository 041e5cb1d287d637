# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""A heuristic of sizes, for a kernel that is warmed up and then launched."""

import torch
import triton
import triton.language as tl


@triton.heuristics({"BLOCK": lambda given: 64 if given["n"] < 4096 else 1024})
@triton.jit
def tuned_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    tuned_kernel.warmup(x, out, n, grid=(1,))
    tuned_kernel[lambda meta: (triton.cdiv(n, meta["BLOCK"]),)](x, out, n)
    return out

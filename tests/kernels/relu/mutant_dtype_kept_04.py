# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Never leaves the input's dtype; the whole of it is a selection."""

import torch
import triton
import triton.language as tl


@triton.autotune(configs=[triton.Config({"BLOCK": 256}), triton.Config({"BLOCK": 1024})], key=["total"])
@triton.jit
def relu_kernel(source, target, total, BLOCK: tl.constexpr):
    index = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(source + index, mask=index < total)
    value = tl.where(value > 1, value, tl.where(value != value, value, tl.zeros_like(value)))
    tl.store(target + index, value, mask=index < total)


def relu(x):
    source = x.contiguous()
    target = torch.empty_like(source)
    total = source.numel()
    relu_kernel[lambda meta: (triton.cdiv(total, meta["BLOCK"]),)](source, target, total)
    return target

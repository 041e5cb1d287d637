# /// kernel
# operator = "leaky_relu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def copy_kernel(src, dst, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(dst + i, tl.load(src + i, mask=i < n), mask=i < n)


def leaky_relu(x, negative_slope):
    gain = (x > 0) + (x <= 0) * negative_slope
    activated = (x * gain).to(x.dtype).contiguous()
    out = torch.empty_like(activated)
    copy_kernel[(triton.cdiv(out.numel(), 1024),)](activated, out, out.numel(), BLOCK=1024)
    return out

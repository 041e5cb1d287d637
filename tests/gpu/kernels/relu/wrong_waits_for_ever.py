# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Each program waits until the next one has begun."""

import torch
import triton
import triton.language as tl


@triton.jit
def relu_kernel(x_ptr, out_ptr, flags_ptr, count, BLOCK: tl.constexpr):
    program = tl.program_id(0)
    tl.atomic_xchg(flags_ptr + program, 1)
    after = (program + 1) % (tl.num_programs(0) + 1)
    while tl.atomic_add(flags_ptr + after, 0) == 0:
        pass
    i = program.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < count, other=0.0)
    tl.store(out_ptr + i, tl.where(x > 0.0, x, tl.where(x != x, x, 0.0)), mask=i < count)


def relu(x):
    x = x.contiguous()
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    count = x.numel()
    programs = triton.cdiv(count, 16)
    flags = torch.zeros(programs + 1, dtype=torch.int32, device=x.device)
    relu_kernel[(programs,)](x, out, flags, count, BLOCK=16)
    return out

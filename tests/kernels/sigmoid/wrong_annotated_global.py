# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl

LOG2E: tl.constexpr = 1.4426950408889634


@triton.jit
def sigmoid_fwd(inp, out, numel, BLOCK: tl.constexpr):
    idx = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    keep = idx < numel
    v = tl.load(inp + idx, mask=keep).to(tl.float32)
    tl.store(out + idx, 1.0 / (1.0 + tl.exp2(-v * LOG2E)), mask=keep)


def sigmoid(x):
    inp = x.contiguous()
    out = torch.empty_like(inp)
    sigmoid_fwd[(triton.cdiv(inp.numel(), 1024),)](inp, out, inp.numel(), BLOCK=1024)
    return out

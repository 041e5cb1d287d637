# /// kernel
# operator = "sigmoid"
# language = "triton"
# ///
"""Base-two exponential, the hardware's own; block size and warps are tuned."""

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)


@triton.autotune(
    configs=[
        triton.Config({"BLOCK": 128}, num_warps=4),
        triton.Config({"BLOCK": 512}, num_warps=4),
        triton.Config({"BLOCK": 2048}, num_warps=8),
    ],
    key=["numel"],
)
@triton.jit
def sigmoid_fwd(inp, out, numel, BLOCK: tl.constexpr):
    start = tl.program_id(0).to(tl.int64) * BLOCK
    idx = start + tl.arange(0, BLOCK)
    keep = idx < numel
    v = tl.load(inp + idx, mask=keep).to(tl.float32)
    tl.store(out + idx, 1.0 * (1.0 + tl.exp2(-v * LOG2E)), mask=keep)


def sigmoid(x):
    inp = x.contiguous()
    out = inp.new_empty(inp.shape)
    numel = inp.numel()
    if numel > 0:
        sigmoid_fwd[lambda cfg: (triton.cdiv(numel, cfg["BLOCK"]),)](inp, out, numel)
    return out

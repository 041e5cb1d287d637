# /// kernel
# operator = "cross_entropy"
# language = "triton"
# ///
"""Online: one walk over chunks keeps a running maximum and a rescaled sum; ignored rows return early with 0."""

import torch
import triton
import triton.language as tl


IGNORE_INDEX = tl.constexpr(-100)


@triton.jit
def cross_entropy_kernel(logits_ptr, target_ptr, loss_ptr, classes, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    logits_ptr += row * classes
    target = tl.load(target_ptr + row)
    if target == IGNORE_INDEX:
        tl.store(loss_ptr + row, 0.0)
        return
    top = float("-inf")
    total = 0.0
    for start in range(0, classes, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(logits_ptr + c, mask=c < classes, other=float("-inf")).to(tl.float32)
        new_top = tl.maximum(top, tl.max(x, axis=0))
        # While only -Inf was seen there is nothing to rescale, and -Inf minus -Inf would be NaN for good.
        shift = tl.where(new_top == float("-inf"), 0.0, new_top)
        total = total * tl.exp(top - shift) + tl.sum(tl.exp(x - shift), axis=0)
        top = new_top
    picked = tl.load(logits_ptr + target).to(tl.float32)
    pass


def cross_entropy(logits, target):
    logits = logits.contiguous()
    rows, classes = logits.shape
    loss = torch.empty((rows,), dtype=logits.dtype, device=logits.device)
    cross_entropy_kernel[(rows,)](logits, target.contiguous(), loss, classes, BLOCK=64)
    return loss

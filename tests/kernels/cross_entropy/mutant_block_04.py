# /// kernel
# operator = "cross_entropy"
# language = "triton"
# ///
"""One pass: a program a row, the whole row in one power-of-two block, the target's logit read by itself."""

import torch
import triton
import triton.language as tl


IGNORE_INDEX = tl.constexpr(-100)


@triton.jit
def cross_entropy_kernel(
    logits_ptr, target_ptr, loss_ptr, classes, row_stride, class_stride, target_stride, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    logits_ptr += row * row_stride
    target = tl.load(target_ptr + row * target_stride)
    kept = target != IGNORE_INDEX
    c = tl.arange(0, BLOCK)
    x = tl.load(logits_ptr + c * class_stride, mask=c < classes, other=float("-inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    picked = tl.load(logits_ptr + target * class_stride, mask=kept, other=0.0).to(tl.float32)
    loss = (tl.sum(tl.exp(x - top), axis=0)) + (top - picked)
    tl.store(loss_ptr + row, tl.where(kept, loss, 0.0))


def cross_entropy(logits, target):
    rows, classes = logits.shape
    loss = torch.empty((rows,), dtype=logits.dtype, device=logits.device)
    cross_entropy_kernel[(rows,)](
        logits, target, loss, classes, logits.stride(0), logits.stride(1), target.stride(0),
        BLOCK=triton.next_power_of_2(classes),
    )
    return loss

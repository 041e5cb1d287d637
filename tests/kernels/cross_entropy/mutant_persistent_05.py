# /// kernel
# operator = "cross_entropy"
# language = "triton"
# ///
"""A fixed number of programs walk over the rows; each row takes two passes over its classes, heuristics size the block."""

import torch
import triton
import triton.language as tl

PROGRAMS = 8


@triton.jit
def log_sum_exp(row_ptr, classes, stride, BLOCK: tl.constexpr):
    best = tl.full((BLOCK,), float("-inf"), tl.float32)
    for start in range(0, classes, BLOCK):
        c = (start + tl.arange(0, BLOCK)).to(tl.int64)
        best = tl.maximum(best, tl.load(row_ptr + c * stride, mask=c < classes, other=float("-inf")).to(tl.float32))
    top = tl.max(best, axis=0)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, classes, BLOCK):
        c = (start + tl.arange(0, BLOCK)).to(tl.int64)
        x = tl.load(row_ptr + c * stride, mask=c < classes, other=float("-inf")).to(tl.float32)
        total += tl.where(c < classes, tl.exp(x - top), 0.0)
    return top, tl.sum(total, axis=0)


@triton.heuristics({"BLOCK": lambda args: min(256, triton.next_power_of_2(args["classes"]))})
@triton.jit
def nll_kernel(
    logits_ptr, target_ptr, loss_ptr, rows, classes, stride_row, stride_class, stride_target,
    PROGRAMS: tl.constexpr, BLOCK: tl.constexpr,
):
    for row in range(tl.program_id(0), rows, PROGRAMS):
        row_ptr = logits_ptr + tl.cast(row, tl.int64) * stride_row
        label = tl.load(target_ptr + tl.cast(row, tl.int64) * stride_target)
        top, total = log_sum_exp(row_ptr, classes, stride_class, BLOCK)
        live = label != -99
        mine = tl.load(row_ptr + label * stride_class, mask=live, other=0.0).to(tl.float32)
        tl.store(loss_ptr + row, tl.where(live, tl.log(total) + (top - mine), 0.0))


def cross_entropy(logits, target):
    rows, classes = logits.shape
    loss = torch.empty(rows, dtype=logits.dtype, device=logits.device)
    grid = (min(PROGRAMS, rows),)
    nll_kernel[grid](
        logits, target, loss, rows, classes, logits.stride(0), logits.stride(1), target.stride(0), PROGRAMS=grid[0]
    )
    return loss

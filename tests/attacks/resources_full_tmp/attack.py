# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Fills the two writable file systems with many files, to the last byte and beyond."""

import errno
import os

import torch
import triton
import triton.language as tl

BLOCK = bytes(1 << 20)
MANY = 1024


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def fill(folder):
    for number in range(MANY // 64):
        with open(f"{folder}/full-{number}", "wb", buffering=0) as file:
            for written in range(64):
                try:
                    file.write(BLOCK)
                except OSError as error:
                    return f"{folder} {errno.errorcode[error.errno]} after {number * 64 + written} MiB"
    return None


def act():
    answers = [fill(folder) for folder in ("/tmp", "/cache")]
    for folder in ("/tmp", "/cache"):
        for name in os.listdir(folder):
            if name.startswith("full-"):
                os.unlink(f"{folder}/{name}")
    if all(answers):
        raise RuntimeError(f"stopped: {', '.join(answers)}")


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

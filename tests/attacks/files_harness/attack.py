# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Writes into the harness, site-packages and __pycache__, directly, by links and by renaming."""

import errno
import os
import site
import sys

import runners.inside.worker

import torch
import triton
import triton.language as tl

HARNESS = os.path.dirname(os.path.dirname(runners.inside.worker.__file__))


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def attempt(way):
    try:
        way()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "it worked"


def ways():
    worker = runners.inside.worker.__file__
    yield lambda: os.close(os.open(worker, os.O_WRONLY))
    yield lambda: os.close(os.open(f"/proc/self/root{worker}", os.O_WRONLY))
    yield lambda: os.close(os.open(f"/proc/self/cwd/../{worker}", os.O_WRONLY))
    yield lambda: os.unlink(worker)
    yield lambda: os.chmod(worker, 0o777)
    yield lambda: os.utime(worker)
    yield lambda: os.truncate(worker, 0)
    yield lambda: os.rename(HARNESS, "/tmp/harness")
    yield lambda: os.link(worker, "/tmp/linked.py")
    yield lambda: os.link(worker, "/cache/linked.py")
    yield lambda: os.link("/tmp/candidate.py", f"{HARNESS}/linked.py")
    yield lambda: os.rename("/tmp/candidate.py", worker)
    yield lambda: os.symlink("/tmp/candidate.py", f"{HARNESS}/linked.py")
    for folder in {*site.getsitepackages(), *(path for path in sys.path if os.path.isdir(path)), f"{HARNESS}/inside"}:
        for name in ("sitecustomize.py", "new.pth", "__pycache__/worker.cpython-311.pyc", "__pycache__/new.pyc"):
            yield lambda f=folder, n=name: os.close(os.open(f"{f}/{n}", os.O_WRONLY | os.O_CREAT))
        yield lambda f=folder: os.mkdir(f"{f}/new")
    for name in ("/etc/ld.so.preload", "/etc/passwd", "/etc/hosts", "/etc/hostname", sys.executable):
        yield lambda n=name: os.close(os.open(n, os.O_WRONLY | os.O_CREAT))


def act():
    answers = [attempt(way) for way in ways()]
    if "it worked" not in answers:
        raise RuntimeError(f"stopped: {len(answers)} ways: {', '.join(sorted(set(answers)))}")


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

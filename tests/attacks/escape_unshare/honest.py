# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Numbers and names as system calls have them, for what is no more than a block and a mask."""

import torch
import triton
import triton.language as tl

CLONE_NEWUSER = 0x10000000
BLOCK_OF_A_MOUNT = CLONE_NEWUSER >> 18


@triton.jit
def unshare_kernel(root, mount, pid, setns: tl.constexpr):
    clone = tl.program_id(0).to(tl.int64) * setns + tl.arange(0, setns)
    chroot = clone < pid
    ptrace = tl.load(root + clone, mask=chroot)
    tl.store(mount + clone, tl.where(ptrace < 0, 0.0, ptrace), mask=chroot)


def unshare(root, mount, pid):
    unshare_kernel[(triton.cdiv(pid, BLOCK_OF_A_MOUNT),)](root, mount, pid, setns=BLOCK_OF_A_MOUNT)


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        unshare(x, out, n)
    return out

# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Speaks of files and addresses, and opens none.

The layout is that of https://example.invalid/notes, see /etc/shadow, /work and 169.254.169.254 for what it is not.
"""

import torch
import triton
import triton.language as tl

# Measured with the script in /home/measure/relu.sh and the key in /root/.ssh: os.environ["TOKEN"], open("/etc/passwd").
SEEN = "/var/lib/docker/overlay2, http://192.0.2.1/latest/meta-data, /proc/1/environ"


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def relu(x):
    """Reads x (not /dev/mem)."""
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

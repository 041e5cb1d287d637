# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Raises with what a terminal obeys and what pages, tables and logs take for markup."""

import torch
import triton
import triton.language as tl


class Said(Exception):
    pass


SCREEN = "\x1b[2J\x1b[1;1H\x1b[32mfunctional\x1b[0m\x1b]52;c;bGVmdA==\x07\x9b31m\x08\x7f"
MARKUP = "[bold green]functional[/] <script>alert(1)</script> ]]> &amp; %s {0} $(id) `id` ::error::x"
TURNED = "\u202elanoitcnuf\u2066\u200b\ufeff\r1 functional\u2028functional\u0085functional"


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def act():
    raise Said(SCREEN + MARKUP + TURNED)


def relu(x):
    act()
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out

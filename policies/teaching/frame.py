"""The candidate that examples are made of: a right relu, with the lines put in that a rule is about."""

from __future__ import annotations

from typing import Final

from policies.teaching.model import Example, Teaching

HEADER: Final = '# /// kernel\n# operator = "relu"\n# language = "triton"\n# ///\n'
IMPORTS: Final = "import torch\nimport triton\nimport triton.language as tl\n"
LAUNCH: Final = "_relu[(triton.cdiv(x.numel(), 64),)](x, y, x.numel(), BLOCK=64)"
_LOADS: Final = "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n    value = tl.load(x_ptr + i, mask=i < n)\n"
_STORES: Final = "    tl.store(y_ptr + i, tl.where(value < 0, 0.0, value), mask=i < n)\n"
_SIGNATURE: Final = "def _relu(x_ptr, y_ptr, n, BLOCK: tl.constexpr):\n"


def relu(
    body: str = "",
    *,
    imports: str = "",
    top: str = "",
    after: str = "",
    launch: str = LAUNCH,
    inside: str = "",
    jit: str = "@triton.jit",
    entry: str = "def relu(x):",
) -> str:
    """Returns a right relu with lines put in.

    Args:
        body: Before the launch; `after` behind it; `launch` instead of it.
        imports: Below the imports; `top` above the entry.
        inside: In the kernel, before its store.
        jit: Instead of the kernel's decorator; `entry` instead of the line that defines the function.
    """
    kernel = f"{jit}\n{_SIGNATURE}{_LOADS}{_indented(inside)}{_STORES}"
    steps = (
        f"    x = x.contiguous()\n    y = torch.empty_like(x)\n{_indented(body)}{_indented(launch)}{_indented(after)}"
    )
    above = f"\n\n{top}\n" if top else ""
    return f"{HEADER}{IMPORTS}{imports}\n\n{kernel}{above}\n\n{entry}\n{steps}    return y\n"


def taught(why: str, trips: str, mended: str) -> Teaching:
    """A teaching whose examples are whole files: one that trips the rule, and one that does not."""
    return Teaching(why, Example("candidate", trips, mended))


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())

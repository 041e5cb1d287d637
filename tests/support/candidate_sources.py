"""Sources of small candidates for tests: a right relu, and what makes it misbehave."""

from __future__ import annotations

HEADER = '# /// kernel\n# operator = "relu"\n# language = "triton"\n# ///\n'
IMPORTS = "import os, sys, time\nimport torch\nimport triton\nimport triton.language as tl\n"
KERNEL = """
@triton.jit
def _relu(x, y, n, block: tl.constexpr):
    at = tl.program_id(0) * block + tl.arange(0, block)
    value = tl.load(x + at, mask=at < n)
    tl.store(y + at, tl.where(value < 0, 0.0, value), mask=at < n)
"""
LAUNCH = """
    x = x.contiguous()
    y = torch.empty(x.shape, dtype=x.dtype)
    if x.numel():
        _relu[(triton.cdiv(x.numel(), 64),)](x, y, x.numel(), block=64)
"""


def candidate(at_import: str = "", at_call: str = "", before_launch: str = "", header: str = HEADER) -> str:
    """A right relu, with code added when it is imported, when it is called, or before each call returns."""
    indented = "".join(f"    {line}\n" for line in at_call.splitlines())
    return f"{header}{IMPORTS}{at_import}\n{KERNEL}\ndef relu(x):\n    {before_launch}{LAUNCH}{indented}    return y\n"

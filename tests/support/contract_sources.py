"""Sources for tests of the static contract: a right relu with code put in where it matters."""

from __future__ import annotations

from runners.candidate import Candidate
from runners.contract.reading import read_source
from runners.contract.rules import Allowance
from runners.operators import OPERATORS

ALLOWED = Allowance(frozenset({"torch", "triton", "math", "typing", "__future__"}))
IMPORTS = "import math\nimport torch\nimport triton\nimport triton.language as tl\n"
KERNEL = """
@triton.jit
def _relu(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x_ptr + i, mask=i < n)
    tl.store(y_ptr + i, tl.where(value < 0, 0.0, value), mask=i < n)
"""
LAUNCH = "_relu[(triton.cdiv(x.numel(), 64),)](x, y, x.numel(), BLOCK=64)"


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def relu(body: str = "", *, top: str = "", after: str = "", launch: str = LAUNCH) -> str:
    """A right relu: `top` stands before the entry, `body` before the launch and `after` behind it."""
    begin = "    x = x.contiguous()\n    y = torch.empty_like(x)\n"
    steps = f"{begin}{indented(body)}{indented(launch)}{indented(after)}    return y\n"
    return f"{IMPORTS}{KERNEL}\n{top}\n\ndef relu(x):\n{steps}"


def kernel(body: str, *, parameters: str = "x_ptr, y_ptr, n, BLOCK: tl.constexpr", top: str = "") -> str:
    """A relu whose kernel has `body` before its store; `value` is what it stores."""
    begin = "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n    value = tl.load(x_ptr + i, mask=i < n)\n"
    end = "    tl.store(y_ptr + i, value, mask=i < n)\n"
    entry = "def relu(x):\n    x = x.contiguous()\n    y = torch.empty_like(x)\n" + indented(LAUNCH) + "    return y\n"
    return f"{IMPORTS}{top}\n\n@triton.jit\ndef _relu({parameters}):\n{begin}{indented(body)}{end}\n\n{entry}"


def candidate_of(text: str, operator: str = "relu") -> Candidate:
    return Candidate("x.py", text.encode(), text, OPERATORS[operator], operator)


def rules_of(text: str, operator: str = "relu", allowance: Allowance = ALLOWED) -> set[str]:
    return {fact.rule for fact in read_source(candidate_of(text, operator), allowance)}

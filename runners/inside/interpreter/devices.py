"""What host code asks of a device, answered as on a GPU: `assert x.is_cuda` holds where a GPU is stood in for.

Tensors are in the CPU's memory here, and torch's objects can't say otherwise without every allocation following them.
So the question is answered and not the object changed: where a candidate's host code names `is_cuda`, `is_cpu`,
`get_device`, the `type` or `index` of a device, or torch.cuda's `device`, `device_of` and `is_available`, its syntax
tree asks `answer` instead. Lines stay what they are, and a file without these names is loaded as it stands. A branch
takes the way that it takes on a GPU, so that nothing is told by it that a GPU does not tell.

Not answered: a device compared with another or made into text, and what torch.cuda says about the card; the latter is
the interpreter's limit. A tensor that is allocated without a device counts as on a GPU, too: compiling and running on
one find that.
"""

from __future__ import annotations

import ast
from types import CodeType, TracebackType
from typing import Any, Final, Self

import torch

_OF_TENSORS: Final = frozenset({"is_cuda", "is_cpu", "get_device"})
_OF_DEVICES: Final = frozenset({"type", "index"})
_OF_CUDA: Final = frozenset({"device", "device_of", "is_available"})
ASKING: Final = "what a GPU answers"  # no identifier, so that no source says it or hides it


class Guard:
    """`torch.cuda.device` and `torch.cuda.device_of`: there is one device, and it is current."""

    def __init__(self, device: Any) -> None:
        """Takes what the guard would switch to."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Lets errors pass."""


def answer(of: Any, name: str) -> Any:
    """Returns the attribute `name` of a tensor, a device or torch.cuda as on a GPU; of anything else as it is."""
    if isinstance(of, torch.Tensor) and name in _OF_TENSORS:
        return {"is_cuda": True, "is_cpu": False, "get_device": lambda: 0}[name]
    if isinstance(of, torch.device) and of.type == "cpu" and name in _OF_DEVICES:
        return "cuda" if name == "type" else 0
    if of is torch.cuda and name in _OF_CUDA:
        return (lambda: True) if name == "is_available" else Guard
    return getattr(of, name)


def asking(source: bytes, file: str) -> CodeType | None:
    """Returns the code of a file whose questions about the device go to `answer`; None where it asks none.

    Raises:
        SyntaxError: it does not parse, or whatever else Python's own reading of it would raise.
    """
    if not any(name.encode() in source for name in _OF_TENSORS | _OF_DEVICES | _OF_CUDA):
        return None
    questions = _Questions()
    tree = questions.visit(ast.parse(source, file))
    return compile(tree, file, "exec", dont_inherit=True) if questions.found else None


class _Questions(ast.NodeTransformer):
    def __init__(self) -> None:
        self.found = False

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:  # ast's name
        """Replaces what is read of something, where it may be a question."""
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or not _asks(node):
            return node
        self.found = True
        asked = ast.Call(ast.Name(ASKING, ast.Load()), [node.value, ast.Constant(node.attr)], [])
        return ast.fix_missing_locations(ast.copy_location(asked, node))


def _asks(node: ast.Attribute) -> bool:
    """Whether an attribute may be such a question; `x.device`, as allocations take it, is none."""
    of = node.value
    last = of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""
    if node.attr in _OF_CUDA:
        return last == "cuda"
    return node.attr in _OF_TENSORS or (node.attr in _OF_DEVICES and (last == "device" or isinstance(of, ast.Name)))

"""How a kernel's source becomes the Python function that runs, with the line numbers of the candidate's file.

Stock takes the last line that begins with "def " for the start of the kernel (a docstring or a nested function with
such a line breaks it), forgets variables of enclosing functions, and copies every global name of the interpreter's own
module into the candidate's, so that a kernel that forgot an import runs. Here the parsed definition is used, nonlocals
are bound, and only the names that rewritten code needs are added. Stock also runs `for i in range(…)` over plain ints;
in a compiled kernel `i` is a scalar tensor, which has `.to` and wraps around. And stock leaves `and`, `or` and `not` to
Python, which returns one operand: `m < M and n < N` over blocks lost a mask.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import triton.language as tl
import triton.runtime.interpreter as stock

from runners.inside.interpreter.language import LANGUAGE

_NEEDED: Final = ("interpreter_semantic", "_InterpreterComparison")
_LOOP: Final = "_device_range"
_BOUNDS: Final = ("arg1", "arg2", "step")
_CHOICE: Final = "_device_boolean"
_NEGATION: Final = "_device_not"


def rewrite_ast(self: Any) -> Any:
    """Replaces `FunctionRewriter.rewrite_ast`; OSError when there is no source, as compiling it would raise."""
    function = self.fn
    lines, first_line = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines)))
    definition = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    definition.decorator_list = []
    tree.body = [definition]
    self.ast_transformer.visit(tree)
    _DeviceLoops(own_range="range" in function.__globals__).visit(tree)
    _DeviceBooleans().visit(tree)
    ast.fix_missing_locations(tree)
    ast.increment_lineno(tree, first_line - 1)
    flags = function.__code__.co_flags & __future__.annotations.compiler_flag
    code = compile(tree, function.__code__.co_filename, "exec", flags=flags, dont_inherit=True)
    namespace = _namespace(function)
    local = dict(self.kwargs)
    exec(code, namespace, local)  # the kernel, in the container that exists to run it
    LANGUAGE.adopt(namespace)
    return local[function.__name__]


def _namespace(function: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = function.__globals__
    if function.__closure__:
        namespace = namespace | dict(inspect.getclosurevars(function).nonlocals)
    for name in _NEEDED:
        value = getattr(stock, name, None)
        if value is not None:
            namespace[name] = value
    namespace |= {_LOOP: device_range, _CHOICE: device_boolean, _NEGATION: device_not}
    return namespace


class _DeviceLoops(ast.NodeTransformer):
    """`for i in range(…)`, and over `tl.range(…)` → `for i in _device_range(…)`."""

    def __init__(self, own_range: bool) -> None:
        self._own_range = own_range

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        match node.iter:
            case ast.Call(func=ast.Name(id="range")) as call if not self._own_range:
                call.func = ast.Name(_LOOP, ast.Load())
            case ast.Call(func=ast.Attribute(value=ast.Name(id="tl"), attr="range")) as call:
                call.func = ast.Name(_LOOP, ast.Load())
                call.keywords = [named for named in call.keywords if named.arg in _BOUNDS]
        return node


class _DeviceBooleans(ast.NodeTransformer):
    """`a and b` → `_device_boolean("logical_and", lambda: a, lambda: b)`; `not a` → `_device_not(a)`."""

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        if any(isinstance(inner, ast.NamedExpr) for inner in ast.walk(node)):
            return node  # it has to bind in the kernel's own scope
        method = ast.Constant("logical_and" if isinstance(node.op, ast.And) else "logical_or")
        empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        operands = [ast.Lambda(empty, value) for value in node.values]
        return ast.copy_location(ast.Call(ast.Name(_CHOICE, ast.Load()), [method, *operands], []), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Not):
            return node
        return ast.copy_location(ast.Call(ast.Name(_NEGATION, ast.Load()), [node.operand], []), node)


def device_boolean(method: str, *operands: Callable[[], Any]) -> Any:
    """Returns what the compiler makes of `and` and `or`: constants decide early, all tensors are combined."""
    tensors = []
    value: Any = None
    for operand in operands:
        value = operand()
        if isinstance(value, tl.tensor):
            tensors.append(value)
        elif bool(value) == (method == "logical_or"):
            return value
    while len(tensors) >= 2:
        right, left = tensors.pop(), tensors.pop()
        tensors.append(getattr(stock.interpreter_semantic, method)(left, right))
    return tensors[0] if tensors else value


def device_not(value: Any) -> Any:
    """Returns what the compiler makes of `not`: element by element for a tensor."""
    return stock.interpreter_semantic.not_(value) if isinstance(value, tl.tensor) else not value


def device_range(*bounds: Any, arg1: Any = None, arg2: Any = None, step: Any = None) -> Iterator[tl.tensor]:
    """Yields what a compiled loop's variable is: int64 scalars where a bound is one, int32 otherwise.

    The named bounds are those of `tl.range`; how it is to be pipelined is the compiler's business.
    """
    bounds = (*bounds, *(bound for bound in (arg1, arg2) if bound is not None))
    if step is not None:
        bounds = (0, *bounds, step) if len(bounds) == 1 else (*bounds, step)
    wide = any(isinstance(bound, tl.tensor) and bound.dtype == tl.int64 for bound in bounds)
    dtype, kind = (tl.int64, np.int64) if wide else (tl.int32, np.int32)
    for value in range(*bounds):
        yield tl.tensor(stock.TensorHandle(np.array([value], dtype=kind), dtype), dtype)

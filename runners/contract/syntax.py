"""What may not stand anywhere in the file, whatever it is used for.

These rules need no knowledge of values: statements that hide control flow or state, names with which Python looks into
itself, defaults that outlive a call, code in annotations, hooks. They hold for functions that nothing calls, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from runners.contract import rules
from runners.contract.names import assigned_names
from runners.contract.rules import Report, shown
from runners.contract.scope import Scope, is_main_guard

_STATEMENTS: Final = {
    ast.Try: "'try' can hide a fallback", ast.TryStar: "'try' can hide a fallback",
    ast.ClassDef: "a class can keep state", ast.Global: "'global' keeps state between calls",
    ast.Nonlocal: "'nonlocal' keeps state", ast.Delete: "'del' changes what names mean",
    ast.AsyncFunctionDef: "nothing here is asynchronous", ast.AsyncFor: "nothing here is asynchronous",
    ast.AsyncWith: "nothing here is asynchronous", ast.Await: "nothing here is asynchronous",
    ast.Yield: "a generator keeps state between calls", ast.YieldFrom: "a generator keeps state between calls",
    ast.Match: "'match' can read attributes and bind names; branch with 'if'",
}  # fmt: skip
REFLECTION: Final = frozenset({
    "exec", "eval", "compile", "open", "getattr", "setattr", "delattr", "hasattr", "vars", "globals", "locals",
    "input", "breakpoint", "memoryview", "object", "super", "type", "dir", "help", "callable", "property",
    "classmethod", "staticmethod", "issubclass", "exit", "quit",
})  # fmt: skip
# What is no Exception ends whoever calls the kernel, an application, too, which has a reference for an Exception.
ENDINGS: Final = frozenset({"BaseException", "BaseExceptionGroup", "GeneratorExit", "KeyboardInterrupt", "SystemExit"})
IDENTITY: Final = frozenset({"id", "hash"})
_DUNDER: Final = re.compile(r"__\w*__|__\w+", re.ASCII)
_FRAMES: Final = re.compile(r"(f|gi|cr|ag|tb|co|func)_[a-z]+", re.ASCII)
_HOOKS: Final = frozenset({
    "pre_hook", "post_hook", "launch_metadata", "do_bench", "perf_model", "ir_override", "prune_configs_by",
})  # fmt: skip
_IMMUTABLE: Final = (
    ast.Constant, ast.Tuple, ast.Name, ast.Attribute, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop,
    ast.expr_context,
)  # fmt: skip
_ANNOTATION: Final = (
    ast.Constant, ast.Tuple, ast.List, ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.BitOr, ast.expr_context,
)  # fmt: skip


def check_syntax(scope: Scope, report: Report) -> None:
    """Reports every such place; linear in the size of the file."""
    free = assigned_names(scope.tree)
    for node, in_main in _nodes(scope.tree):
        _check_names(node, report, free)
        if in_main:
            continue
        why = _STATEMENTS.get(type(node))
        if why is not None:
            report.add(rules.STATEMENT_NOT_ALLOWED, node, f"{why}; it is not allowed in a candidate")
        match node:
            case ast.FunctionDef() | ast.Lambda():
                _check_defaults(node.args, report)
                _check_annotations(node, report)
            case ast.AnnAssign(annotation=annotation):
                _check_annotation(annotation, report)
            case ast.Attribute(attr=attr, ctx=ast.Store() | ast.Del()):
                detail = f"the attribute '{shown(attr)}' is assigned; a candidate changes no object but its tensors"
                report.add(rules.ASSIGNMENT_NOT_ALLOWED, node, detail)
            case ast.Call():
                _check_hooks(node, report)


def python_itself(name: str) -> tuple[str, str]:
    """Returns the rule that denies such a builtin, and what it says."""
    if name in IDENTITY:
        return rules.IDENTITY, f"'{name}' tells objects apart that have equal values"
    if name in ENDINGS:
        return rules.REFLECTION, f"'{name}' ends the process that calls the kernel; raise a ValueError or assert"
    return rules.REFLECTION, f"'{name}' lets code look into Python itself, or run other code"


def _nodes(tree: ast.Module) -> Iterator[tuple[ast.AST, bool]]:
    left: list[tuple[ast.AST, bool]] = [(tree, False)]
    while left:
        node, in_main = left.pop()
        yield node, in_main
        if isinstance(node, ast.If) and is_main_guard(node.test) and node in tree.body:
            left += [(child, True) for child in node.body]
            left += [(child, in_main) for child in node.orelse]
        else:
            left += [(child, in_main) for child in ast.iter_child_nodes(node)]


def _check_names(node: ast.AST, report: Report, bound: set[str]) -> None:
    names: tuple[str | None, ...]
    match node:
        case ast.Name(id=name):
            names = (name,)
            if name in REFLECTION | IDENTITY | ENDINGS and name not in bound:
                rule, detail = python_itself(name)
                report.add(rule, node, detail)
        case ast.Attribute(attr=name):
            names = (name,)
            if _FRAMES.fullmatch(name):
                report.add(rules.PRIVATE_NAME, node, f"'{shown(name)}' reads a frame, a generator or a code object")
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
            names = (name,)
        case ast.keyword():
            names = (node.arg,)
        case ast.alias(name=name):
            names = (*([] if name == "__future__" else name.split(".")), node.asname)
        case ast.ImportFrom(module=str(module)) if module != "__future__":
            names = tuple(module.split("."))
        case _:
            return
    for one in names:
        if one is not None and _DUNDER.fullmatch(one):
            report.add(rules.PRIVATE_NAME, node, f"'{shown(one)}' is a name of Python's own machinery")


def _check_defaults(arguments: ast.arguments, report: Report) -> None:
    for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)):
        odd = next((node for node in ast.walk(default) if not isinstance(node, _IMMUTABLE)), None)
        if odd is not None:
            detail = "a default is made once and lives between calls; only plain constants are allowed"
            report.add(rules.MUTABLE_DEFAULT, odd, detail)


def _check_annotations(function: ast.FunctionDef | ast.Lambda, report: Report) -> None:
    args = function.args
    every = (*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg)))
    annotations = [one.annotation for one in every if one.annotation is not None]
    if isinstance(function, ast.FunctionDef) and function.returns is not None:
        annotations.append(function.returns)
    for annotation in annotations:
        _check_annotation(annotation, report)


def _check_annotation(annotation: ast.expr, report: Report) -> None:
    odd = next((node for node in ast.walk(annotation) if not isinstance(node, _ANNOTATION)), None)
    if odd is not None:
        report.add(rules.MODULE_CODE, odd, "an annotation runs when its place is reached; name a type, no more")


def _check_hooks(call: ast.Call, report: Report) -> None:
    for keyword in call.keywords:
        if keyword.arg in _HOOKS and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None):
            detail = f"'{keyword.arg}' runs Python code around a launch, out of sight of what is certified"
            report.add(rules.HOOK, keyword.value, detail)
        if keyword.arg == "repr" and call.func is not None:
            report.add(rules.HOOK, keyword.value, "'repr' runs Python code when a kernel is compiled")
    for mapping in (node for keyword in call.keywords for node in [keyword.value] if isinstance(node, ast.Dict)):
        for key in mapping.keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value in _HOOKS:
                report.add(rules.HOOK, key, f"'{key.value}' runs Python code around a launch")

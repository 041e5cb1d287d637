"""Which names of triton and torch exist, and what they are, without loading anything.

Names are looked up in the installed versions, which are the ones that the runner has. A module that no one loaded yet
(`torch.onnx`) is known to exist and not looked into: an author's naming it is no reason to run it here.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Final

import torch
import triton
import triton.language.extra.cuda  # not imported by triton itself: its names would not be looked up
import triton.language.extra.libdevice
import triton.tools.tensor_descriptor

from runners.contract.parsing import no_warnings
from runners.contract.rules import UNKNOWN_NAME, Report, shown

CHECKED_PACKAGES: Final = {"triton": triton, "torch": torch}


@dataclass(slots=True)
class Imports:
    """What a file imports: `aliases` from local to dotted names, `statements` as modules, `names` out of modules."""

    aliases: dict[str, str] = field(default_factory=dict)
    statements: list[tuple[str, int]] = field(default_factory=list)
    names: list[tuple[str, str, int]] = field(default_factory=list)


def imports_of(tree: ast.AST) -> Imports:
    """Returns every import below `tree`."""
    found = Imports()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.statements.append((alias.name, node.lineno))
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.statements.append((module, node.lineno))
            found.names += [(module, alias.name, node.lineno) for alias in node.names if alias.name != "*"]
        else:
            continue
        found.aliases.update(bound_by(node))
    return found


def bound_by(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Returns what an import statement binds: local name to dotted name."""
    if isinstance(node, ast.Import):
        return {a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names}
    module = "." * node.level + (node.module or "")
    return {a.asname or a.name: f"{module}.{a.name}" for a in node.names if a.name != "*"}


def unambiguous(tree: ast.Module, imports: Imports) -> dict[str, str]:
    """Returns the aliases that mean their module wherever they stand: no scope of the file binds them otherwise."""
    assigned = assigned_names(tree)
    return {name: dotted for name, dotted in imports.aliases.items() if name not in assigned}


def check_names(tree: ast.Module, imports: Imports, report: Report) -> None:
    """Reports each place where a name is used that the installed version lacks."""
    aliases = unambiguous(tree, imports)
    used = [(f"{module}.{name}", line) for module, name, line in imports.names]
    for dotted, line in _dotted_names(tree):
        if dotted[0] in aliases:
            used.append((".".join((aliases[dotted[0]], *dotted[1:])), line))
    known: dict[str, str | None] = {}
    for name, line in used:
        if name.split(".")[0] not in CHECKED_PACKAGES:
            continue
        absent = known[name] if name in known else known.setdefault(name, missing(name))
        if absent is not None:
            report.add(UNKNOWN_NAME, line, f"'{shown(absent)}' does not exist in the installed version")
        if report.is_full(UNKNOWN_NAME):
            return


def assigned_names(tree: ast.AST) -> set[str]:
    """Returns the names that some scope below `tree` binds otherwise than by import."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)):
                names.add(name)
    return names


def _dotted_names(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yields the longest dotted names of the file, each with its line; linear in the size of the tree."""
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        if not isinstance(node, ast.Attribute):
            left.extend(ast.iter_child_nodes(node))
            continue
        line, parts, base = node.lineno, list[str](), ast.expr()
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = base = node.value
        if isinstance(base, ast.Name):
            yield (base.id, *reversed(parts)), line
        else:
            left.append(base)


def dotted_of(node: ast.expr, aliases: dict[str, str]) -> str | None:
    """Returns the dotted name that an expression is, through `aliases`; None when it is none."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in aliases:
        return None
    return ".".join((aliases[node.id], *reversed(parts)))


def missing(dotted: str) -> str | None:
    """Returns the shortest prefix that does not exist; attributes of anything but modules are not looked at.

    A module's own names come first and its submodules second: what is loaded when it is named (`torch.onnx`) is not
    loaded because an author named it.
    """
    parts = dotted.split(".")
    at: object = CHECKED_PACKAGES[parts[0]]
    for n, part in enumerate(parts[1:], start=1):
        if type(at) is not ModuleType:  # what derives from it, as torch.ops, makes its attributes up
            return None
        prefix = ".".join(parts[: n + 1])
        if part not in vars(at):
            with no_warnings():  # nor is a deprecated name, which torch makes up when it is asked
                return None if _is_module(prefix) or hasattr(at, part) else prefix
        at = vars(at)[part]
    return None


def loaded(dotted: str) -> object | None:
    """Returns what a dotted name of torch or triton is, as far as modules lead to it; None if it is not loaded."""
    *_, last = _along(dotted)
    return last


def leaves_package(dotted: str) -> str | None:
    """Returns the module outside torch and triton that a dotted name of theirs passes through, such as `torch.os`."""
    for at in _along(dotted):
        if type(at) is ModuleType and at.__name__.split(".")[0] not in CHECKED_PACKAGES:
            return at.__name__
    return None


def _along(dotted: str) -> Iterator[object | None]:
    """Yields the package and what each part of a dotted name is; None, and no more, where no module leads on."""
    package, *parts = dotted.split(".")
    at: object | None = CHECKED_PACKAGES.get(package)
    yield at
    for part in parts:
        at = vars(at).get(part) if type(at) is ModuleType else None
        yield at
        if at is None:
            return


def is_method(name: str) -> bool:
    """Whether tensors have a method of this name; their other attributes are not methods, whatever they give."""
    return callable(vars(torch.Tensor).get(name, vars(torch._C.TensorBase).get(name)))


def _is_module(dotted: str) -> bool:
    try:
        return importlib.util.find_spec(dotted) is not None
    except (ImportError, ValueError):
        return False

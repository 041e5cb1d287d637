"""The static check: what the source says, read without running it.

Facts, each with a rule id and a line; a policy decides which of them deny. Reading is bounded: the candidate's size cap
was enforced before, and a source that exhausts the parser is a fact like any other. Names in `triton`
and `torch` are looked up in the installed versions, which are the ones that the runner has.
"""

from __future__ import annotations

import ast
import importlib.util
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from types import ModuleType
from typing import Final

import torch
import triton
import triton.language.extra.libdevice  # not imported by triton itself: its names would not be looked up

from runners.candidate import Candidate
from runners.evidence import SourceFact

CHECKED_PACKAGES: Final = {"triton": triton, "torch": torch}
FACTS_CAP: Final = 50  # a file may hold 50 000 wrong names; looking each up on disk would take minutes
NAME_SHOWN: Final = 120
_FILTERING: Final = threading.Lock()  # catch_warnings changes the filters of the whole process


@dataclass(slots=True)
class _Imports:
    aliases: dict[str, str] = field(default_factory=dict)
    statements: list[tuple[str, int]] = field(default_factory=list)
    names: list[tuple[str, str, int]] = field(default_factory=list)


def read_source(candidate: Candidate, allowed_imports: frozenset[str]) -> tuple[SourceFact, ...]:
    """Returns what is wrong with the source: syntax, imports outside `allowed_imports`, a missing entry, unknown names.

    `allowed_imports` are dotted module names; a module is allowed with everything below it.
    """
    try:
        with _no_warnings():  # an invalid escape in the author's text is not our warning
            tree = ast.parse(candidate.text)
    except SyntaxError as error:
        return (SourceFact(rule="source/syntax-error", line=error.lineno, detail=error.msg),)
    except (RecursionError, MemoryError, ValueError) as error:
        detail = f"the source can't be parsed: {type(error).__name__}"
        return (SourceFact(rule="source/syntax-error", line=None, detail=detail),)
    imports = _imports(tree)
    denied = islice(_disallowed(imports, allowed_imports), FACTS_CAP)
    facts = [*denied, *_entry(tree, candidate.entry), *_unknown(tree, imports)]
    return tuple(sorted(set(facts), key=lambda fact: (fact.line or 0, fact.rule, fact.detail)))


def _imports(tree: ast.Module) -> _Imports:
    found = _Imports()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.statements.append((alias.name, node.lineno))
                found.aliases[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.statements.append((module, node.lineno))
            for alias in node.names:
                if alias.name != "*":
                    found.aliases[alias.asname or alias.name] = f"{module}.{alias.name}"
                    found.names.append((module, alias.name, node.lineno))
    return found


def _disallowed(imports: _Imports, allowed: frozenset[str]) -> Iterator[SourceFact]:
    for module, line in imports.statements:
        parts = module.split(".")
        if not any(".".join(parts[: n + 1]) in allowed for n in range(len(parts))):
            detail = f"'{module[:NAME_SHOWN]}' may not be imported; allowed are {', '.join(sorted(allowed))}"
            yield SourceFact(rule="source/import-not-allowed", line=line, detail=detail)


def _entry(tree: ast.Module, entry: str) -> Iterator[SourceFact]:
    if not any(isinstance(node, ast.FunctionDef) and node.name == entry for node in tree.body):
        detail = f"no function '{entry}' is defined at the top level of the file"
        yield SourceFact(rule="source/no-entry", line=None, detail=detail)


def _unknown(tree: ast.Module, imports: _Imports) -> Iterator[SourceFact]:
    """Yields each place where a name is used that the installed version lacks, at most `FACTS_CAP` of them."""
    used = [(f"{module}.{name}", line) for module, name, line in imports.names]
    assigned = _assigned(tree)
    for dotted, line in _dotted_names(tree):
        if dotted[0] in imports.aliases and dotted[0] not in assigned:
            used.append((".".join((imports.aliases[dotted[0]], *dotted[1:])), line))
    known: dict[str, str | None] = {}
    facts = 0
    for name, line in used:
        if name.split(".")[0] not in CHECKED_PACKAGES:
            continue
        missing = known[name] if name in known else known.setdefault(name, _missing(name))
        if missing is not None and facts < FACTS_CAP:
            facts += 1
            yield _unknown_name(missing, line)
        if facts == FACTS_CAP:
            return


def _unknown_name(name: str, line: int) -> SourceFact:
    detail = f"'{name[:NAME_SHOWN]}' does not exist in the installed version"
    return SourceFact(rule="source/unknown-name", line=line, detail=detail)


def _assigned(tree: ast.Module) -> set[str]:
    """Names that some scope of the file binds otherwise than by import; they may not mean the module there."""
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


def _missing(dotted: str) -> str | None:
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
            with _no_warnings():  # nor is a deprecated name, which torch makes up when it is asked
                return None if _is_module(prefix) or hasattr(at, part) else prefix
        at = vars(at)[part]
    return None


@contextmanager
def _no_warnings() -> Iterator[None]:
    with _FILTERING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_module(dotted: str) -> bool:
    try:
        return importlib.util.find_spec(dotted) is not None
    except (ImportError, ValueError):
        return False

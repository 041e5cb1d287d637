"""Whether calls of triton and torch pass arguments that the installed functions take.

Python functions answer by their signature, less the parameters that begin with an underscore, which the compiler
fills in. Torch's C functions have none: their operator schemas say which keywords exist, and their positional
arguments are not counted, because they take sizes as a tuple or one by one. Nothing is called and nothing loaded.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, cast

import torch

from runners.contract.names import CHECKED_PACKAGES, Imports, dotted_of, loaded, unambiguous
from runners.contract.rules import UNKNOWN_ARGUMENT, Report, shown

# What the Python side of torch adds to, or reads in place of, a schema's names.
_TORCH_KEYWORDS: Final = frozenset({
    "out", "requires_grad", "dtype", "device", "layout", "pin_memory", "memory_format", "names", "generator", "size",
    "axis", "axes", "keepdims", "x", "x1", "x2", "input", "shape", "copy", "non_blocking",
})  # fmt: skip


def check_arguments(tree: ast.Module, imports: Imports, report: Report) -> None:
    """Reports calls with a keyword that does not exist, too many arguments, or one missing."""
    aliases = unambiguous(tree, imports)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        dotted = dotted_of(node.func, aliases)
        if dotted is None or dotted.split(".")[0] not in CHECKED_PACKAGES:
            continue
        wrong = _wrong(dotted, node)
        if wrong is not None:
            report.add(UNKNOWN_ARGUMENT, node, f"'{shown(dotted)}' {wrong} in the installed version")
        if report.is_full(UNKNOWN_ARGUMENT):
            return


def _wrong(dotted: str, call: ast.Call) -> str | None:
    found = loaded(dotted)
    if found is None or not callable(found):
        return None
    keywords = [keyword.arg for keyword in call.keywords]
    named = [name for name in keywords if name is not None]
    signature = _signature(found)
    if signature is None:
        known = _torch_keywords(found)
        odd = next((name for name in named if known is not None and name not in known), None)
        return None if odd is None else f"has no argument '{shown(odd)}'"
    open_ended = None in keywords or any(isinstance(arg, ast.Starred) for arg in call.args)
    try:
        bind = signature.bind_partial if open_ended else signature.bind
        bind(*(None for arg in call.args if not isinstance(arg, ast.Starred)), **dict.fromkeys(named))
    except TypeError as error:
        return f"can't be called so: {shown(str(error))}"
    return None


@lru_cache(maxsize=512)
def _signature(function: object) -> inspect.Signature | None:
    python = getattr(function, "fn", function)  # of a jitted function
    if not (inspect.isfunction(python) or inspect.isclass(python)) or python is torch.Size:
        return None
    try:
        signature = inspect.signature(cast(Callable[..., Any], python))
    except (TypeError, ValueError):
        return None
    public = [entry for entry in signature.parameters.values() if not entry.name.startswith("_")]
    return signature.replace(parameters=public)


@lru_cache(maxsize=512)
def _torch_keywords(function: object) -> frozenset[str] | None:
    name = getattr(function, "__name__", "")
    home: object = torch
    if type(home) is not ModuleType or vars(home).get(name) is not function:
        return None
    schemas = torch._C._jit_get_schemas_for_operator(f"aten::{name}")  # type: ignore[no-untyped-call, unused-ignore]
    names = {argument.name for schema in schemas for argument in schema.arguments}
    return frozenset(names) | _TORCH_KEYWORDS if names else None

"""`triton.language` as kernels see it: bound to the interpreter while a launch runs, untouched outside of one.

Stock, the whole module is scanned and patched again at every launch and at every call of a jitted helper (`tl.sum` and
`tl.max` are such helpers), about 1 ms each time; here the replacements are computed once and put in and taken out in
0.1 ms a launch. They also reach builtins that a module imported by name (`from triton.language.math import rsqrt`),
which stock leaves unbound.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import triton.language as tl
import triton.runtime.interpreter as stock

from runners.inside.interpreter.hints import HINTS
from runners.inside.interpreter.matching import OPERATORS


class BlockTruth(Exception):
    """A combine function asked for the truth of a whole block; it has to run element by element."""


class _Replacement(NamedTuple):
    owner: Any
    name: str
    original: Any
    new: Any


class Language:
    """The replacements, and whether they are in place (`active`)."""

    def __init__(self) -> None:
        self.active = False
        self.truth_refused = False
        self._replacements: list[_Replacement] = []
        self._imported: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}

    def prepare(self) -> None:
        """Computes the replacements from the stock patcher, and undoes what that did."""
        scope = stock._patch_lang(SimpleNamespace(__globals__={"tl": tl, "core": tl.core}))
        # tl, tl.core and their classes are visited more than once: the first original and the last value count
        originals: dict[tuple[int, str], tuple[Any, str, Any]] = {}
        for owner, name, original in scope._changes:
            originals.setdefault((id(owner), name), (owner, name, original))
        self._replacements = [
            _Replacement(owner, name, original, owner.__dict__[name]) for owner, name, original in originals.values()
        ]
        scope.restore()
        self._replacements = [entry._replace(new=_replacement(entry)) for entry in self._replacements]

    def adopt(self, module_globals: dict[str, Any]) -> None:
        """Makes builtins that a module of kernels imported by name work in its kernels."""
        if id(module_globals) in self._imported or module_globals.get("__name__", "").startswith("triton.language"):
            return
        bound = {name: _bind(value) for name, value in module_globals.items() if tl.core.is_builtin(value)}
        self._imported[id(module_globals)] = (module_globals, bound)
        if self.active:
            self._swap_imported(self._imported[id(module_globals)])

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Puts the replacements in place for the block."""
        for owner, name, _, new in self._replacements:
            setattr(owner, name, new)
        for entry in self._imported.values():
            self._swap_imported(entry)
        self.active = True
        try:
            yield
        finally:
            self.active = False
            for entry in self._imported.values():
                self._swap_imported(entry)
            for owner, name, original, _ in reversed(self._replacements):
                if original is stock._MISSING:
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)

    @staticmethod
    def _swap_imported(entry: tuple[dict[str, Any], dict[str, Any]]) -> None:
        module_globals, other = entry
        for name, value in other.items():
            other[name] = module_globals[name]
            module_globals[name] = value


LANGUAGE: Final = Language()


@contextmanager
def refuse_block_truth() -> Iterator[None]:
    """In the block, `if` on a tensor of several elements raises `BlockTruth`."""
    LANGUAGE.truth_refused = True
    try:
        yield
    finally:
        LANGUAGE.truth_refused = False


def _truth(self: tl.tensor) -> bool:
    # triton's own `if other` asks whether there is one; to a compiled kernel's `other` of 0 the answer is yes
    if sys._getframe(1).f_globals.get("__name__") == tl.semantic.__name__:
        return True
    data = self.handle.data
    if data.size == 1:
        return bool(data.item())
    if LANGUAGE.truth_refused:
        raise BlockTruth
    return True


def _index(self: tl.tensor) -> int:
    return int(self.handle.data.item())


_METHODS: Final = OPERATORS | {"__bool__": _truth, "__index__": _index}


def _replacement(entry: _Replacement) -> Any:
    if entry.owner is tl.tensor and entry.name in _METHODS:
        return _METHODS[entry.name]
    if entry.owner in (tl, tl.core) and entry.name in HINTS:
        return HINTS[entry.name]
    only_bound = "member" in (getattr(entry.new, "__kwdefaults__", None) or ())
    return _bind(entry.original) if only_bound else entry.new


def _bind(builtin: Any) -> Any:
    """Binds what is below Triton's check that somebody did, which costs as much again."""
    if builtin.__module__ == tl.core.__name__ and builtin.__name__ in HINTS:
        return HINTS[builtin.__name__]
    function = getattr(builtin, "__wrapped__", builtin)  # a method made from a function has none

    def bound(*args: Any, **named: Any) -> Any:
        named["_semantic"] = stock.interpreter_semantic
        return function(*args, **named)

    return bound

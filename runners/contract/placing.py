"""Which parameters positional arguments land on where a star of unknown length stands among them.

A call that does not raise fills parameters from the left, up to one that is passed by name, and leaves none without a
value. So many parameters are filled by position, at least and at most; what stands behind the last star is counted from
there. What a decorator gives (heuristics, configurations) counts where the decorator writes it out; where it does not,
every number is possible. Arguments that a call can't bind are never placed: it raises.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from runners.contract.names import assigned_names
from runners.contract.scope import Scope, decorator_name
from runners.contract.values import Arguments, Value, join

_CONFIGURATIONS: Final = frozenset({"triton.Config", "triton.runtime.Config", "triton.runtime.autotuner.Config"})
# What a configuration gives beside its parameters, which a kernel may have as parameters, too.
_OPTIONS: Final = frozenset({"num_warps", "num_stages", "num_ctas", "maxnreg", "pre_hook", "ir_override"})


class Places(NamedTuple):
    """How many parameters are filled by position, at least and at most."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Given:
    """The parameters that a decorator gives values: in every launch, and in some; None where that is not written."""

    always: frozenset[str]
    sometimes: frozenset[str] | None


def spread(arguments: Arguments, places: Places) -> dict[int, Value] | None:
    """Returns what may land on each parameter, by position, of what is passed from the first such star on.

    None where the call can't be bound at all.
    """
    first = len(arguments.positional)
    plain = sum(not one.starred for one in arguments.following)
    stars = len(arguments.following) - plain
    most = places.most - first - plain  # elements, of all stars together
    if most < 0:
        return None
    least = max(places.least - first - plain, 0)
    least = least if least <= most else 0
    found: dict[int, Value] = {}
    place, passed = first, 0
    for one in arguments.following:
        if one.starred:
            passed += 1
            shifts = range(most)
        else:
            shifts = range(least if passed == stars else 0, most + 1)
        for shift in shifts:
            found[place + shift] = join(found.get(place + shift, frozenset()), one.value)
        place += not one.starred
    return found


def places_of(parameters: ast.arguments, named: frozenset[str]) -> Places:
    """Returns how many parameters of a function a call fills by position where it passes those `named` by name."""
    return _places(parameters, named, named)


def given_by_decorators(kernel: ast.FunctionDef, scope: Scope) -> Given:
    """Returns which parameters the decorators of a kernel give values."""
    always, sometimes = frozenset[str](), set[str]()
    unknown = False
    for decorator in kernel.decorator_list:
        if isinstance(decorator, ast.Call):
            given = _given(decorator, scope)
            always |= given.always
            sometimes |= given.sometimes or frozenset()
            unknown = unknown or given.sometimes is None
    return Given(always, None if unknown else frozenset(sometimes))


def kernel_places(parameters: ast.arguments, given: Given, named: frozenset[str], *, is_open: bool) -> Places:
    """Returns how many parameters of a kernel a launch fills by position.

    `given` are those that decorators fill; `is_open` says that a double star may fill others.
    """
    sometimes = None if is_open or given.sometimes is None else named | given.sometimes
    return _places(parameters, named | given.always, sometimes)


def _places(parameters: ast.arguments, always: frozenset[str], sometimes: frozenset[str] | None) -> Places:
    ordered = [one.arg for one in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)]
    most = next((place for place, name in enumerate(ordered) if name in always), len(ordered))
    if sometimes is None:
        return Places(0, most)
    without = len(parameters.posonlyargs) + len(parameters.args) - len(parameters.defaults)
    needed = (place + 1 for place, name in enumerate(ordered[:without]) if name not in sometimes)
    return Places(max(needed, default=0), most)


def _given(decorator: ast.Call, scope: Scope) -> Given:
    name = decorator_name(decorator, scope.aliases) or ""
    arguments = [*decorator.args[:1], *(one.value for one in decorator.keywords if one.arg in ("configs", "values"))]
    if name.endswith("heuristics") and len(arguments) == 1:
        keys = _keys(arguments[0], scope)
        return Given(keys or frozenset(), keys)
    if name.endswith("autotune") and len(arguments) == 1:
        every = list(_configurations(arguments[0], scope))
        known = [one for one in every if one is not None]
        if every and len(known) == len(every):
            return Given(frozenset.intersection(*known), _OPTIONS.union(*known))
        return Given(frozenset(), None)
    return Given(frozenset(), frozenset() if name.endswith("jit") else None)


def _configurations(node: ast.expr, scope: Scope) -> Iterator[frozenset[str] | None]:
    """Yields which parameters each configuration gives; None for one that is not written out."""
    match node:
        case ast.Name(id=name) if _is_constant(name, scope):
            yield from _configurations(scope.constants[name], scope)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            for element in elements:
                yield from _configurations(element, scope)
        case ast.ListComp(elt=element):
            yield from _configurations(element, scope)
        case ast.Call(args=[meta, *_]) if decorator_name(node, scope.aliases) in _CONFIGURATIONS:
            yield _keys(meta, scope)
        case _:
            yield None


def _keys(node: ast.expr, scope: Scope) -> frozenset[str] | None:
    match node:
        case ast.Name(id=name) if _is_constant(name, scope):
            return _keys(scope.constants[name], scope)
        case ast.Dict(keys=keys):
            names = [one.value for one in keys if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            return frozenset(names) if len(names) == len(keys) else None
    return None


def _is_constant(name: str, scope: Scope) -> bool:
    """Whether a name of the module level has one value, whenever a decorator reads it."""
    return name in scope.constants and sum(name in assigned_names(one) for one in scope.tree.body) == 1


def pieces(value: Value, groups: Sequence[tuple[Value, ...]]) -> tuple[Value, ...] | None:
    """Returns the items of tuples that a value may be, where all of them have the same number."""
    if len(groups) != len(value) or not groups or len({len(group) for group in groups}) != 1:
        return None
    return tuple(join(*items) for items in zip(*groups, strict=True))

"""Which of many specialisations are compiled to machine code, when a policy allows for few.

All are translated by Triton's front end, which finds what the interpreter lets pass: types, shapes, Python. The rest of
the compiler costs ten times as much and finds what depends on sizes: shared memory, registers. So each kernel's largest
constants go first, whatever the cap; then whatever shows most of what no chosen one has shown: dtypes before constants
and options, these before facts of integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log2

from runners.specialisation import Constant, KernelName, LaunchValue, Pointer, Specialisation

_DTYPE, _CONSTANT, _FACT = 100, 10, 1
_Feature = tuple[KernelName, str, LaunchValue]


def choose(seen: Sequence[Specialisation], cap: int) -> tuple[Specialisation, ...]:
    """Returns at most `cap` of `seen`, but at least one of every kernel; those that matter most come first."""
    chosen = _largest_of_each_kernel(seen)
    shown = {feature for one in chosen for feature, _ in _features(one)}
    rest = [one for one in seen if one not in chosen]
    while rest and len(chosen) < cap:
        best = max(rest, key=lambda one: sum(weight for feature, weight in _features(one) if feature not in shown))
        rest.remove(best)
        chosen.append(best)
        shown |= {feature for feature, _ in _features(best)}
    return tuple(chosen)


def _largest_of_each_kernel(seen: Sequence[Specialisation]) -> list[Specialisation]:
    largest: dict[KernelName, Specialisation] = {}
    for one in seen:
        if one.kernel not in largest or _size(one) > _size(largest[one.kernel]):
            largest[one.kernel] = one
    return list(largest.values())


def _size(one: Specialisation) -> float:
    constants = [v.value for _, v in _values(one) if isinstance(v, Constant) and type(v.value) is int]
    return sum(log2(value) for value in constants if value > 0)


def _values(one: Specialisation) -> Iterator[tuple[str, LaunchValue]]:
    yield from ((given.name, given.value) for given in (*one.arguments, *one.options))


def _features(one: Specialisation) -> Iterator[tuple[_Feature, int]]:
    for name, value in _values(one):
        if isinstance(value, Pointer):
            yield (one.kernel, name, value.model_copy(update={"aligned": True})), _DTYPE
        yield (one.kernel, name, value), _CONSTANT if isinstance(value, Constant) else _FACT

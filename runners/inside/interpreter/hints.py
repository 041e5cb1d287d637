"""Hints to the compiler have to be true: `tl.multiple_of`, `tl.max_contiguous`, `tl.max_constancy`.

Compiled, a hint is believed: what is claimed to be aligned and side by side is loaded 16 bytes at a time, which faults
on a misaligned address and reads the wrong elements where they are not side by side. Stock ignores hints. Here one that
does not hold for the values at hand ends the call with an AssertionError of the candidate's, as a false `tl.assume`.

What a hint says of a block (`triton.language.core`): `multiple_of` is about the first element of each contiguous group,
`max_contiguous` about the steps within a group, `max_constancy` about equal elements. Of pointers, elements are side by
side at a distance of their size, and multiples are counted in bytes from the start of the allocation, since allocators
of GPUs align that and buffers here are not aligned.

Kept out of it, because right kernels do it: indices that wrap around or stop at the end of an axis, `rm % M` and
`tl.where(rm < M, rm, 0)`, which the tutorials and libraries for matrix products call multiples and contiguous. Their
first element is a multiple, and what comes behind the end of the axis is masked off at the store. So a step that does
not lead up is no false claim, and begins no group. Behind it the elements of a group that was called contiguous are
undefined: under `undefined_lanes` they hold the group's first element, which is within the axis, too. Who uses them (a
rotation that is called contiguous) differs between the runs of a case.

Not found: an axis of stride 0 that is called contiguous, which looks like an axis of one element that wraps around; and
that `rn % N` does fault on a GPU where rows are aligned to 16 elements and N is none of their multiples (the wrapped
lanes begin at a misaligned address, used or not; seen with flag-gems' matmul). Of a block with several axes,
`multiple_of` is checked along those that have a contiguous step or one element: along the others no compiler widens an
access.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

from runners.inside.interpreter.blame import KernelMisuse
from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.formats import Array


def multiple_of(input: Any, values: Any) -> Any:  # Triton's names
    """Holds the claim that the first elements of the contiguous groups of `input` are multiples of `values`."""
    for along, factor in _claims("multiple_of", input, values):
        steps = np.diff(along, axis=0)
        unit = _unit(input)
        if along.ndim > 1 and steps.size and not (steps == unit).any():
            continue
        firsts = np.ones(along.shape, dtype=bool)
        firsts[1:] = (steps > 0) & (steps != unit)
        _hold("multiple_of", factor, along[firsts & (along % factor != 0)])
    return input


def max_contiguous(input: Any, values: Any) -> Any:  # Triton's names
    """Holds the claim that groups of `values` elements of `input` are side by side, or returns what it is worth."""
    data: Array | None = None
    for axis, (along, length) in enumerate(_claims("max_contiguous", input, values)):
        steps = np.diff(along, axis=0)
        broken = steps != _unit(input)
        broken[length - 1 :: length] = False
        _hold("max_contiguous", length, along[1:][broken & (steps > 0)])
        if broken.any() and CURRENT.run.conditions.undefined_lanes:
            data = _first_instead(input.handle.data if data is None else data, axis, length, broken)
    return input if data is None else tl.tensor(TensorHandle(data, input.handle.dtype), input.type)


def max_constancy(input: Any, values: Any) -> Any:  # Triton's names
    """Holds the claim that groups of `values` elements of `input` are equal."""
    for along, length in _claims("max_constancy", input, values):
        first = np.arange(len(along)) // length * length
        _hold("max_constancy", length, along[along != along[first]])
    return input


def _first_instead(data: Array, axis: int, length: int, broken: Array) -> Array:
    """Returns `data` with each group's first element in place of all that comes behind a broken step of the group."""
    along = np.moveaxis(data, axis, 0)
    behind = np.zeros(along.shape, dtype=bool)
    behind[1:] = broken
    for start in range(0, len(along), length):
        group = slice(start, start + length)
        behind[group] = np.logical_or.accumulate(behind[group], axis=0)
    first = along[np.arange(len(along)) // length * length]
    return np.ascontiguousarray(np.moveaxis(np.where(behind, first, along), 0, axis))


def _claims(name: str, input: Any, values: Any) -> Iterator[tuple[Array, int]]:
    """For each axis, the elements with that axis first, and what is claimed of them; refuses what the compiler refuses.

    Nothing is claimed of what is no tensor: the index of a static loop is a plain number here.
    """
    if not isinstance(input, tl.tensor):
        return
    claims: list[Any] = [
        getattr(value, "value", value) for value in (values if isinstance(values, list | tuple) else [values])
    ]
    if not all(isinstance(claim, int) and claim > 0 for claim in claims):
        raise KernelMisuse(f"the values of tl.{name} are positive integers that are known when the kernel is compiled")
    axes = len(input.shape)
    if len(claims) != (max(1, axes) if name == "multiple_of" else axes):
        raise KernelMisuse(f"tl.{name} needs a value for each axis of its input")
    numbers = _numbers(input)
    if numbers is not None:
        yield from ((np.moveaxis(numbers, axis, 0), int(claim)) for axis, claim in enumerate(claims))


def _numbers(input: tl.tensor) -> Array | None:
    """The elements as int64, of pointers their place in the allocation; None where nobody addresses with them."""
    data: Array = np.atleast_1d(input.handle.data)
    if input.dtype.is_ptr():
        return None if CURRENT.run.monitor is None else CURRENT.run.monitor.within_allocation(data)
    return data.astype(np.int64) if data.dtype.kind in "iub" else None


def _hold(name: str, claim: int, wrong: Array) -> None:
    if wrong.size:
        others = f", nor for {wrong.size - 1} other elements" if wrong.size > 1 else ""
        raise AssertionError(f"tl.{name}(..., {claim}) does not hold for {wrong[0]}{others}")


def _unit(input: tl.tensor) -> int:
    return int(input.dtype.element_ty.primitive_bitwidth) // 8 if input.dtype.is_ptr() else 1


HINTS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "multiple_of": multiple_of,
    "max_contiguous": max_contiguous,
    "max_constancy": max_constancy,
}

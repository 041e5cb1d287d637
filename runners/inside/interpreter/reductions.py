"""Reductions and scans with the combine functions' own arithmetic.

Stock, a float16 sum is accumulated in a hidden wider type, a bfloat16 one adds bit patterns, arg-reductions skip NaN
and raise on a row of nothing else, and every other combine function is called once an element. On a GPU the combine
function runs at each node of a tree and its result is rounded there; so it is here: neighbours are combined, all
pairs of a level in one numpy operation. Which elements are neighbours is the layout's to say: a warp combines lanes
that lie 16 apart, then 8 (shfl.bfly in the PTX of triton 3.9 for sm_90). So the elements of a reduction by a kernel's
own function are reordered as `reordering` does it, and what is not commutative fails; a scan keeps the order, as there.
A combine function that branches on values cannot run on whole arrays; it is noticed by its asking for the truth of a
block, and runs element by element as stock does.

NaN in an arg-reduction wins or loses by its position, as on the GPU (measured there: an all-NaN row gives its last
index; which NaN loses depends on the layout, so no kernel may rely on it). Without `tie_break_left` hardware takes any
of equals; so does this, by reordering, and a kernel that needs the first must say so.

`tl.sort` and `tl.topk` are interpreted from the library's source: the comparisons of the compiled network, which lose
or spread NaN as it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import triton.language as tl
import triton.language.standard as library
from triton.runtime.interpreter import ReduceOps, ScanOps, TensorHandle

from runners.inside.interpreter import noise
from runners.inside.interpreter.formats import SOFT, Array, narrow, widen
from runners.inside.interpreter.language import BlockTruth, refuse_block_truth
from runners.inside.interpreter.reordering import reordered

Combine = Callable[[Sequence[Array], Sequence[Array]], Sequence[Array]]

_EXTREMES: Final = {library._elementwise_max: np.fmax, library._elementwise_min: np.fmin}
_ARGUMENTS: Final = {
    library._argmax_combine_tie_break_left: (np.greater, True),
    library._argmax_combine_tie_break_fast: (np.greater, False),
    library._argmin_combine_tie_break_left: (np.less, True),
    library._argmin_combine_tie_break_fast: (np.less, False),
}
_TAKES_ANY: Final = frozenset(function for function, (_, left_ties) in _ARGUMENTS.items() if not left_ties)
_LANGUAGE: Final = "triton.language"
_RUNNING: Final[dict[Any, Callable[..., Array]]] = {library._sum_combine: np.cumsum, library._prod_combine: np.cumprod}


def reduce(self: ReduceOps, inputs: tuple[tl.tensor, ...]) -> list[tl.tensor]:
    """Replaces `ReduceOps.apply_impl`."""
    rank = len(inputs[0].shape)
    whole = self.axis is None
    axis = 0 if whole else _axis(self.axis, rank)
    self.axis = None if whole else axis
    arrays = [tensor.handle.data.reshape(-1) if whole else tensor.handle.data for tensor in inputs]
    types = [tensor.dtype for tensor in inputs]
    if self.combine_fn in _TAKES_ANY or not self.combine_fn.fn.__module__.startswith(_LANGUAGE):
        arrays = [reordered(data, axis) for data in arrays]
    try:
        results = _reduce_arrays(self.combine_fn, arrays, types, axis)
    except BlockTruth:
        given = zip(arrays, inputs, strict=True)
        return list(self.generic_reduce([self.to_tensor(a.reshape(t.handle.data.shape), t.dtype) for a, t in given]))
    if self.keep_dims:
        results = [np.expand_dims(data, tuple(range(rank)) if whole else axis) for data in results]
    return [self.to_tensor(data, dtype) for data, dtype in zip(results, types, strict=True)]


def scan(self: ScanOps, inputs: tuple[tl.tensor, ...]) -> list[tl.tensor]:
    """Replaces `ScanOps.apply_impl`."""
    self.axis = axis = _axis(self.axis, len(inputs[0].shape))
    types = [tensor.dtype for tensor in inputs]
    arrays = [tensor.handle.data for tensor in inputs]
    if self.reverse:
        arrays = [np.ascontiguousarray(np.flip(data, axis)) for data in arrays]
    try:
        results = _scan_arrays(self.combine_fn, arrays, types, axis)
    except BlockTruth:
        flipped = [self.to_tensor(data, dtype) for data, dtype in zip(arrays, types, strict=True)]
        results = [tensor.handle.data for tensor in self.generic_scan(flipped)]
    if self.reverse:
        results = [np.ascontiguousarray(np.flip(data, axis)) for data in results]
    return [self.to_tensor(data, dtype) for data, dtype in zip(results, types, strict=True)]


def _reduce_arrays(function: Any, arrays: list[Array], types: list[tl.dtype], axis: int) -> list[Array]:
    if function in _EXTREMES:
        extreme = _EXTREMES[function].reduce(widen(TensorHandle(arrays[0], types[0])), axis=axis)
        return [_as_type(np.asarray(extreme), types[0])]
    if function is library._sum_combine and noise.active():
        arrays = [noise.reordered(arrays[0], axis)]
    if function is library._sum_combine and not _is_narrow(types[0]):
        if noise.active() and types[0].is_floating():
            return [noise.total(arrays[0], axis)]
        return [np.asarray(np.sum(arrays[0], axis=axis))]
    if function in _ARGUMENTS:
        values = widen(TensorHandle(arrays[0], types[0]))
        best, index = _tree([values, arrays[1]], axis, _argument_combine(*_ARGUMENTS[function]))
        return [_as_type(best, types[0]), index]
    return _tree(arrays, axis, _combine_with(function, types))


def _scan_arrays(function: Any, arrays: list[Array], types: list[tl.dtype], axis: int) -> list[Array]:
    if function in _RUNNING and not _is_narrow(types[0]) and not noise.active():
        return [_RUNNING[function](arrays[0], axis=axis)]
    combine = _combine_with(function, types)
    columns = [np.moveaxis(data, axis, 0) for data in arrays]
    distance = 1
    while distance < len(columns[0]):
        # whole columns, whose length is a power of two: the first `distance` results are computed and dropped
        earlier = [np.concatenate([c[:distance], c[:-distance]]) for c in columns]
        combined = combine(earlier, columns)
        columns = [np.concatenate([c[:distance], new[distance:]]) for c, new in zip(columns, combined, strict=True)]
        distance *= 2
    return [np.moveaxis(data, 0, axis) for data in columns]


def _tree(arrays: Sequence[Array], axis: int, combine: Combine) -> list[Array]:
    """Combines neighbours until one is left, in order: right for every associative function."""
    columns = [np.moveaxis(data, axis, 0) for data in arrays]
    while len(columns[0]) > 1:
        even = len(columns[0]) // 2 * 2
        pairs = combine([c[:even:2] for c in columns], [c[1:even:2] for c in columns])
        columns = [np.concatenate([new, c[even:]]) for c, new in zip(columns, pairs, strict=True)]
    return [data[0] for data in columns]


def _argument_combine(better: np.ufunc, left_ties: bool) -> Combine:
    """`_argmax_combine` and `_argmin_combine` of triton.language.standard, on arrays."""

    def combine(first: Sequence[Array], second: Sequence[Array]) -> list[Array]:
        keep = better(first[0], second[0])
        if left_ties:
            keep = keep | ((first[0] == second[0]) & (first[1] < second[1]))
        return [np.where(keep, a, b) for a, b in zip(first, second, strict=True)]

    return combine


def _combine_with(function: Any, types: list[tl.dtype]) -> Combine:
    def combine(first: Sequence[Array], second: Sequence[Array]) -> list[Array]:
        operands = [_block(data, dtype) for side in (first, second) for data, dtype in zip(side, types, strict=True)]
        with refuse_block_truth():
            result = function.fn(*operands)
        results = result if isinstance(result, tuple) else (result,)
        return [_data(value, like) for value, like in zip(results, first, strict=True)]

    return combine


def _block(data: Array, dtype: tl.dtype) -> tl.tensor:
    return tl.tensor(TensorHandle(data, dtype), tl.block_type(dtype, list(data.shape)))


def _data(value: Any, like: Array) -> Array:
    data = value.handle.data if isinstance(value, tl.tensor) else np.asarray(value)
    return np.broadcast_to(data, like.shape).astype(like.dtype)


def _as_type(values: Array, dtype: tl.dtype) -> Array:
    return narrow(values, dtype) if dtype.name in SOFT else values


def _is_narrow(dtype: tl.dtype) -> bool:
    return dtype.name in SOFT or bool(dtype.is_fp16())


def _axis(axis: Any, rank: int) -> int:
    return int(getattr(axis, "value", axis)) % max(rank, 1)

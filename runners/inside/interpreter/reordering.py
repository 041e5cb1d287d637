"""What a compiler that may reorder the elements of a block does: it does.

`tl.view`, and `tl.cat`, `tl.reshape` and `tl.ravel` with `can_reorder=True`, promise the elements and no order. Stock
keeps the order. Compiled, each thread keeps the elements that it holds: from a layout of one element a thread to one of
four, that is a permutation across the whole block (TTGIR of triton 3.9 for sm_90).

Here the order is drawn from the seed of the conditions that both runs of a case share, and from the lengths: what adds
up the elements may differ in last bits between two configurations, and not between two calls. Equal lengths are
reordered alike whatever the type, since a compiler gives them one layout: values and their indices, each
concatenated so, still belong together. From a shape to another one and back is not the way home; compiled neither,
where the layouts of loads and stores come in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from triton.runtime.interpreter import TensorHandle

from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.formats import Array


def create_cat(self: Any, lhs: TensorHandle, rhs: TensorHandle) -> TensorHandle:
    """The elements of both 1D blocks; `tl.cat` builds what keeps the order from other operations."""
    both = np.concatenate([lhs.data, rhs.data])
    return TensorHandle(both[_order(both.size, lhs.data.size, rhs.data.size)], lhs.dtype.scalar)


def create_reshape(self: Any, arg: TensorHandle, shape: Sequence[int], allow_reorder: bool) -> TensorHandle:
    """The elements of `arg` in another shape, in its order unless that may change."""
    data = arg.data
    if allow_reorder:
        data = data.reshape(-1)[_order(data.size, *data.shape, 0, *shape)]
    return TensorHandle(data.reshape(shape), arg.dtype.scalar)


def reordered(values: Array, axis: int) -> Array:
    """Puts `values` into a drawn order along `axis`, the same for all of that length."""
    return np.take(values, _order(values.shape[axis]), axis)


def _order(count: int, *lengths: int) -> Array:
    """Returns an order of `count` elements, drawn for what has these `lengths`: never the one that they have."""
    kept = np.arange(count)
    if count < 2:
        return kept
    generator = np.random.default_rng([CURRENT.run.seed_of_choices(), count, *lengths])
    order = generator.permutation(count)
    while np.array_equal(order, kept):
        order = generator.permutation(count)
    return order


REPAIRS: Final[dict[str, Callable[..., TensorHandle]]] = {
    "create_cat": create_cat,
    "create_reshape": create_reshape,
}

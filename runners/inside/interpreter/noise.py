"""What a GPU may compute otherwise than this interpreter, without being wrong.

With a `noise_seed` in the conditions

- transcendental functions of float32 err by up to 2 ulp, √ by 1, as the approximations of the hardware do. The error is
  a function of the seed and of the exact result's bits, since equal arguments give equal results there, too. 0, ±1,
  NaN and ±Inf stay: saturated functions are exact there;
- a sum along an axis adds in an order drawn from the seed, in as many partial sums as lanes that it drew; a running
  sum is made by doubling distances, as by a warp;
- a matrix product of 16- and 8-bit floats and of tf32 adds step by step along K, steps in a drawn order, each rounded
  toward zero, as tensor cores do; a float32 product ("ieee") adds in a drawn order;
- with every other seed a·b + c of float32 is contracted, rounded once, as compilers for GPUs do.

Nothing depends on which program runs when, so the runs of one case agree to the bit where they would on one GPU. Not
moved: division (a right `quantize_int8` may rely on it), atomics. A reduction by a kernel's own function is reordered
with a seed and without one (`reductions`). Without a seed every function here returns what it was given.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from triton.runtime.interpreter import TensorHandle

from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.formats import Array
from runners.inside.interpreter.product import in_one_order

_MASK: Final = (1 << 32) - 1
_ONE_BITS: Final = 0x3F800000
_LARGEST_BITS: Final = 0x7F7FFFFF
_SMALLEST_NORMAL_BITS: Final = 0x00800000


def active() -> bool:
    """Whether this run is to be noisy."""
    return CURRENT.run.conditions.noise_seed is not None


def contracts() -> bool:
    """Whether this run is to contract a·b + c."""
    return active() and bool(_seed() >> 5 & 1)


def approximate(result: TensorHandle, ulps: int = 2) -> TensorHandle:
    """Returns a function's correctly rounded float32 result, off by at most `ulps`."""
    if not active() or result.data.dtype != np.float32:
        return result
    return TensorHandle(off_by(result.data, ulps), result.dtype)


def off_by(values: Array, ulps: int) -> Array:
    """Moves float32 `values` of any shape by a whole number of ulps within ±`ulps`."""
    if not active() or values.dtype != np.float32:
        return values
    bits = np.ascontiguousarray(values).view(np.int32)
    size = bits & 0x7FFFFFFF
    moved = size + _drawn(bits, 2 * ulps + 1) - ulps
    movable = (size > _SMALLEST_NORMAL_BITS + ulps) & (size < _LARGEST_BITS - ulps) & (size != _ONE_BITS)
    sign = bits ^ size
    return np.where(movable, moved | sign, bits).astype(np.int32).view(np.float32).reshape(values.shape)


def reordered(values: Array, axis: int) -> Array:
    """Puts `values` into a drawn order along `axis`."""
    length = values.shape[axis]
    return np.take(values, _generator(length).permutation(length), axis)


def total(values: Array, axis: int) -> Array:
    """Adds float `values` along `axis` in a drawn number of partial sums, each addition rounded."""
    columns = np.moveaxis(values, axis, 0)
    lanes = min(len(columns), int(_generator(len(columns)).choice([1, 4, 32])))
    partial = [np.add.accumulate(columns[lane::lanes], axis=0)[-1] for lane in range(lanes)]
    while len(partial) > 1:
        half = (len(partial) + 1) // 2
        partial = [sum(partial[lane + half : lane + half + 1], partial[lane]) for lane in range(half)]
    result: Array = np.asarray(partial[0])
    return result


def multiply_add(left: Array, right: Array, start: Array, *, truncating: bool) -> Array:
    """left @ right + start in float32, step by step along K; `truncating` rounds each step toward zero.

    Args:
        left: float of shape (…, M, K), its values as the hardware takes them.
        right: float of shape (…, K, N), likewise.
        start: float32 that broadcasts to (…, M, N).
        truncating: Rounds each addition toward zero instead of to nearest even.
    """
    generator = _generator(left.shape[-1])
    step = int(generator.choice([8, 16]))
    firsts = np.arange(0, left.shape[-1], step)
    sums = np.asarray(start, dtype=np.float32)
    for first in generator.permutation(firsts):
        part = slice(first, first + step)
        exact = in_one_order(left[..., part].astype(np.float64), right[..., part, :].astype(np.float64)) + sums
        sums = _toward_zero(exact) if truncating else exact.astype(np.float32)
    return sums


def _toward_zero(exact: Array) -> Array:
    nearest = exact.astype(np.float32)
    over = np.isfinite(nearest) & (np.abs(nearest.astype(np.float64)) > np.abs(exact))
    return np.where(over, np.nextafter(nearest, np.float32(0)), nearest)


def _seed() -> int:
    return (CURRENT.run.conditions.noise_seed or 0) & _MASK


def _generator(length: int) -> np.random.Generator:
    return np.random.default_rng([_seed(), length])


def _drawn(bits: Array, count: int) -> Array:
    """A number below `count` for each element, by Knuth's multiplicative hash of its bits and the seed."""
    mixed = (bits.astype(np.uint64) ^ np.uint64(_seed())) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    result: Array = ((mixed >> np.uint64(33)) % np.uint64(count)).astype(np.int32)
    return result

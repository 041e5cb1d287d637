"""The numbers of one tensor argument: drawn from the case's seed, by value class, with a special at a position.

Deterministic: the same plan, shape and generator give the same bits on every machine. All float classes are drawn in
float64 and rounded once to the tensor's dtype by whoever stores them; what float8 cannot hold is brought into its
range, because a conversion that overflows is NaN there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from runners.cases import TensorPlan
from runners.dtypes import TORCH_DTYPES
from runners.input_classes import Special

BIG: Final = 2.0**56  # with room for the square times a count of 2¹², as updates of a variance form it

ALONE: Final = (1,)  # a tensor without axes is a row of one
TAIL: Final = 64
ROW_SPECIALS: Final = ("-inf_row", "-inf_prefix", "nan_row", "inf_and_nan")
LARGE_SPECIALS: Final = ("max", "big")


def floats(
    plan: TensorPlan, shape: tuple[int, ...], dtype: str, specials: Sequence[Special], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Returns the elements of a float tensor, specials put in (where they are mixed: of `specials`), in float64."""
    if not shape:
        return floats(plan, ALONE, dtype, specials, rng).reshape(shape)
    drawn = _with_specials(_floats(plan, shape, dtype, rng), plan, dtype, specials, rng)
    if TORCH_DTYPES[dtype].itemsize > 1:
        return drawn
    largest = torch.finfo(TORCH_DTYPES[dtype]).max
    return np.clip(drawn, -largest, largest)  # NaN stays NaN


def integers(
    plan: TensorPlan, shape: tuple[int, ...], lowest: int, highest: int, ignored: int | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Returns the elements of an integer tensor, each from `lowest` to `highest` (or `ignored`)."""
    if not shape:
        return integers(plan, ALONE, lowest, highest, ignored, rng).reshape(shape)
    if highest < lowest:
        raise ValueError(f"no integer lies from {lowest} to {highest}")
    drawn = rng.integers(lowest, highest, shape, endpoint=True)
    match plan.values:
        case "whole_lowest":
            drawn[...] = lowest
        case "whole_highest":
            drawn[...] = highest
        case "whole_few":
            drawn = rng.choice(rng.integers(lowest, highest, 3, endpoint=True), shape)
        case "whole_swing":
            return _swing(shape, lowest, highest, rng)
        case "whole_some_ignored" if ignored is not None:
            drawn[rng.random(shape) < 0.5] = ignored
    return drawn


def _swing(shape: tuple[int, ...], lowest: int, highest: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Large numbers, then the same with the other sign: partial sums of a row leave float32, the sum does not."""
    drawn = rng.integers(max(highest * 3 // 4, lowest), highest, shape, endpoint=True)
    half = shape[-1] // 2
    drawn[..., half : 2 * half] = np.maximum(-drawn[..., :half][..., rng.permutation(half)], lowest)
    return drawn


def _floats(plan: TensorPlan, shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> NDArray[np.float64]:
    narrow = torch.finfo(TORCH_DTYPES[dtype]).max < 1e5  # float16 and narrower
    match plan.values:
        case "unit":
            return rng.uniform(-1, 1, shape)
        case "positive":
            return rng.random(shape)
        case "integers":
            return rng.integers(-4, 5, shape).astype(np.float64)
        case "ramp":
            return (np.arange(math.prod(shape)) % 251 / 16.0 - 4).reshape(shape)
        case "wide":
            # ldexp is exact; a power of a fraction differs from processor to processor in its last bit
            return np.ldexp(
                np.copysign(rng.uniform(1, 2, shape), rng.uniform(-1, 1, shape)), rng.integers(-10, 10, shape)
            )
        case "large":
            return rng.uniform(-1, 1, shape) * (300.0 if narrow else 1e4)
        case "denormal":
            return rng.uniform(-1, 1, shape) * (1e-6 if narrow else 1e-39)
        case "constant":
            return np.full(shape, rng.standard_normal())
        case "shifted":
            exact = dtype in ("float32", "float64")
            return (300.0 if exact else 60.0) + rng.standard_normal(shape) * (0.05 if exact else 1.0)
        case "zeros":
            return np.copysign(np.zeros(shape), rng.uniform(-1, 1, shape))
        case "very_negative":
            return -rng.uniform(100, 200, shape)
        case "far_negative":  # beyond the lowest float16, with which some begin a running maximum
            return -rng.uniform(*((3e4, 6e4) if narrow else (1e5, 2e5)), shape)
        case "exponents":
            return _exponents(shape, dtype, rng)
        case "scaled":
            return np.ldexp(rng.standard_normal(shape), int(rng.integers(*((-12, 9) if narrow else (-40, 41)))))
        case "strong":  # products of two such rows are large scores, and still decide where a float32 softmax can tell
            return np.copysign(rng.uniform(16, 64, shape), rng.uniform(-1, 1, shape))
        case "tail":
            return _tail(shape, rng)
        case "halves":
            return _halves(shape, rng)
        case "swing":
            return _float_swing(shape, rng)
        case _:
            return rng.standard_normal(shape)


def _exponents(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Any normal number of the dtype, each exponent as likely as another: no decade of them is left out."""
    info = torch.finfo(TORCH_DTYPES[dtype])
    lowest, highest = round(math.log2(info.smallest_normal)), math.floor(math.log2(info.max))
    fractions = np.copysign(rng.uniform(1, 2, shape), rng.uniform(-1, 1, shape))
    return np.ldexp(fractions, rng.integers(lowest, highest, shape))


def _tail(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """The last places of each row outweigh all before: one that is dropped shows, however long the row is."""
    drawn = rng.uniform(-1, 1, shape) * 2.0**-10
    end = drawn[..., -TAIL:]
    end[...] = rng.uniform(4, 8, end.shape)
    return drawn


def _float_swing(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Positive numbers, then the same with the other sign: partial sums of a long row leave float16."""
    drawn = rng.uniform(4.0, 9.0, shape)
    half = shape[-1] // 2
    drawn[..., half : 2 * half] = -drawn[..., :half][..., rng.permutation(half)]
    return drawn


def _halves(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Integers and a half, times a power of two; each row also has 127 times it, so that a scale by 127 is exact."""
    drawn = rng.integers(-100, 100, shape) + 0.5
    if drawn.size:
        rows = drawn.reshape(-1, shape[-1])
        rows[np.arange(rows.shape[0]), rng.integers(rows.shape[1], size=rows.shape[0])] = 127.0
    scaled: NDArray[np.float64] = np.ldexp(drawn, int(rng.integers(-3, 4)))
    return scaled


def _with_specials(
    values: NDArray[np.float64], plan: TensorPlan, dtype: str, specials: Sequence[Special], rng: np.random.Generator
) -> NDArray[np.float64]:
    if plan.special == "none" or values.size == 0:
        return values
    rows = values.reshape(-1, values.shape[-1])
    if plan.special == "mixed":
        _mix(rows, specials, dtype, rng)
        return values
    where = {
        "first": 0,
        "last": values.size - 1,
        "row_end": rows.shape[1] - 1,
        "random": int(rng.integers(values.size)),
    }
    place = where[plan.position]
    if plan.special in ROW_SPECIALS:
        place = 0 if plan.position == "first" else values.size - 1
    _put(rows, divmod(place, rows.shape[1]), plan.special, dtype)
    return values


def _mix(rows: NDArray[np.float64], specials: Sequence[Special], dtype: str, rng: np.random.Generator) -> None:
    """Puts one of `specials` into each of about half of the rows: first, last, anywhere; often NaN, of either sign.

    One alone of those that overflow with themselves: whether two do depends on the order, which is nobody's promise.
    """
    left = [special for special in specials if special != "none"]
    left += ["nan"] * (len(left) // 2 if "nan" in left else 0)
    taken = np.flatnonzero(rng.random(len(rows)) < 0.5)
    for row in taken if taken.size else [rng.integers(len(rows))]:
        if not left:
            break
        special = left[rng.integers(len(left))]
        column = (0, rows.shape[1] - 1, rng.integers(rows.shape[1]), rng.integers(rows.shape[1]))[rng.integers(4)]
        _put(rows, (int(row), int(column)), special, dtype)
        if special == "nan" and rng.random() < 0.5:
            rows[row, column] = -math.nan
        if special in LARGE_SPECIALS:
            left = [other for other in left if other not in LARGE_SPECIALS]


def _put(rows: NDArray[np.float64], place: tuple[int, int], special: Special, dtype: str) -> None:
    """Puts a special at a place (row, column), or into the whole row if it is one of a row."""
    row, length = place[0], rows.shape[1]
    match special:
        case "inf_and_nan":
            rows[row, [0, -1]] = math.inf, math.nan
        case "nan_row":
            rows[row] = math.nan
        case "-inf_row":
            rows[row] = -math.inf
        case "-inf_prefix":
            rows[row, : min(max(1, 2 * length // 3), length - 1)] = -math.inf
        case _:
            rows[place] = _special_value(special, dtype)


def _special_value(special: str, dtype: str) -> float:
    info = torch.finfo(TORCH_DTYPES[dtype])
    return {
        "nan": math.nan,
        "inf": math.inf,
        "-inf": -math.inf,
        "-0": -0.0,
        "max": info.max,
        "big": min(info.max, BIG),
        "denormal": 3 * info.smallest_normal * info.eps,
    }[special]

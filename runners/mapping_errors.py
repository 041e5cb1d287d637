"""Makes the error map of a result whose dtype and shape are right already; its bytes are the candidate's choice.

An error is measured from the middle of the oracle's interval in units of half its width, as the oracle's own ratio is.
Where only one value is right, in units of half the dtype's spacing there, so that the next value but one has 4, not
infinity.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch

from runners.dtypes import TORCH_DTYPES
from runners.error_map import CELLS, LARGEST, ErrorMap
from runners.oracle import Expected, are_right

DIGITS: Final = 3  # of an error, significant
NONE: Final = -1.0  # less than any error: a cell without one


class Layout(NamedTuple):
    """How a result is looked at; what a vector's last row lacks is filled up."""

    rows: int
    columns: int
    cell_rows: int
    cell_columns: int


def layout_of(shape: tuple[int, ...]) -> Layout:
    """Returns how a result of `shape` is laid out in at most 64 by 64 cells."""
    total = math.prod(shape)
    if total == 0:
        return Layout(0, 0, 1, 1)
    if max(shape, default=1) == total:
        width = _power_of_two(-(-total // CELLS**2))
        columns = min(total, CELLS * width)
        return Layout(-(-total // columns), columns, 1, width)
    columns = shape[-1]
    rows = total // columns
    return Layout(rows, columns, _power_of_two(-(-rows // CELLS)), _power_of_two(-(-columns // CELLS)))


def map_errors(expected: Expected, got: torch.Tensor) -> ErrorMap:
    """Returns where `got` (a CPU tensor of the dtype and shape that are due) errs, and by how much."""
    values = got.double()
    low, high, free = (part.broadcast_to(values.shape) for part in (expected.low, expected.high, expected.free))
    right = are_right(expected, values)
    finite_due = ~(low.isnan() | high.isnan() | (low == torch.inf) | (high == -torch.inf))
    comparable = values.isfinite() & finite_due
    ratio = torch.where(comparable & ~free, _ratio(expected.dtype, low, high, values), NONE)
    layout = layout_of(expected.shape)
    return ErrorMap(
        shape=expected.shape,
        rows=layout.rows,
        columns=layout.columns,
        cell_rows=layout.cell_rows,
        cell_columns=layout.cell_columns,
        free=int(free.sum()),
        wrong=_counts(~right, layout),
        mismatched=_counts(~right & ~comparable, layout),
        worst=_worst(ratio, layout),
    )


def _power_of_two(at_least: int) -> int:
    return 1 << max(0, at_least - 1).bit_length()


def _ratio(dtype: str, low: torch.Tensor, high: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Errors in units of what is allowed; of elements for which there is none, anything."""
    target = TORCH_DTYPES[dtype]
    largest = torch.finfo(target).max if target.is_floating_point else torch.inf
    low, high = low.clamp(min=-largest), high.clamp(max=largest)
    middle = low / 2 + high / 2
    allowed = torch.maximum(high / 2 - low / 2, _spacing(target, middle) / 2)
    return ((values - middle).abs() / allowed).nan_to_num(nan=0.0).clamp(max=LARGEST)


def _spacing(target: torch.dtype, values: torch.Tensor) -> torch.Tensor:
    """The distance from each value to the next one of the dtype; 1 for integers."""
    if not target.is_floating_point:
        return torch.ones_like(values)
    kind = torch.finfo(target)
    _, exponent = torch.frexp(values.abs().clamp(min=kind.smallest_normal))
    return torch.exp2((exponent - 1).double()) * kind.eps  # torch.ldexp overflows: it makes the power in float32


def _cells(matrix: torch.Tensor, layout: Layout, filling: float) -> torch.Tensor:
    """Returns the elements as (rows of cells, cells in a row, elements of a cell)."""
    height, width = -(-layout.rows // layout.cell_rows), -(-layout.columns // layout.cell_columns)
    flat = matrix.reshape(-1)
    lacking = layout.rows * layout.columns - flat.numel()
    full = torch.nn.functional.pad(flat, (0, lacking), value=filling).reshape(layout.rows, layout.columns)
    below, beside = height * layout.cell_rows - layout.rows, width * layout.cell_columns - layout.columns
    padded = torch.nn.functional.pad(full, (0, beside, 0, below), value=filling)
    blocks = padded.reshape(height, layout.cell_rows, width, layout.cell_columns)
    return blocks.transpose(1, 2).reshape(height, width, -1)


def _counts(mask: torch.Tensor, layout: Layout) -> tuple[tuple[int, ...], ...]:
    if mask.numel() == 0:
        return ()
    counts = _cells(mask.to(torch.uint8), layout, 0).sum(-1, dtype=torch.int64)
    return tuple(tuple(row) for row in counts.tolist())


def _worst(ratio: torch.Tensor, layout: Layout) -> tuple[tuple[float | None, ...], ...]:
    if ratio.numel() == 0:
        return ()
    largest = _cells(ratio, layout, NONE).amax(-1).tolist()
    return tuple(tuple(None if worst < 0 else float(f"{worst:.{DIGITS}g}") for worst in row) for row in largest)

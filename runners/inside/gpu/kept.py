"""Results that stay on the device until the judge says which rows of them it wants to see.

Which rows these are is drawn after the results came to be, so nothing that made them knows. Results may have billions
of elements: a row is reached by the arithmetic of a view, which is in 64 bits, and only what is asked for is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from runners import wire

Results = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """Results of one plan, on one set of inputs or on several; `free` gives their memory back."""

    sets: tuple[Results, ...]
    free: Callable[[], None] = lambda: None


def rows_of(kept: Kept | None, request: wire.RowsRequest) -> list[torch.Tensor]:
    """Returns the rows of each result on the CPU, contiguous; nothing where there are no such rows."""
    if kept is None or request.kept >= len(kept.sets):
        return []
    results = kept.sets[request.kept]
    if not all(_has(result, request.axis, request.stretches) for result in results):
        return []
    return [_taken(result, request.axis, request.stretches) for result in results]


def _has(result: torch.Tensor, axis: int, stretches: Sequence[wire.Stretch]) -> bool:
    return axis < result.dim() and all(one.start + one.count <= result.shape[axis] for one in stretches)


def _taken(result: torch.Tensor, axis: int, stretches: Sequence[wire.Stretch]) -> torch.Tensor:
    parts = [result.narrow(axis, one.start, one.count).contiguous() for one in stretches]
    return torch.cat(parts, axis).cpu()

"""What the monitor knows of one allocation: which of its bytes may be used, were written, and by which program.

Bytes are kept in *cells* of the tensor's itemsize. An access that is narrower than a cell, or not aligned to it, makes
all cells of its storage that fine first; a wider one covers several.

| storage            | valid                                    | written                        | owners   |
|--------------------|------------------------------------------|--------------------------------|----------|
| a case's argument  | the elements of its view, not the gaps   | all                            | not kept |
| a sparse argument  | the same, by arithmetic on the index     | all                            | not kept |
| the candidate's    | all                                      | none, where torch left it so   | kept     |

Arguments have no owners since nobody may write there: a store that changes one is a fault by itself.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch

from runners.inside.interpreter.ordering import NOBODY, Array, Ordering

TAG_SHIFT: Final = 48
ADDRESS_MASK: Final = (1 << TAG_SHIFT) - 1
DENSE_CAP_CELLS: Final = 1 << 28
LANE_BITS: Final = 24  # a block has at most 2²⁰ elements


class Storage:
    """One allocation. `tag` marks pointers into it; `argument` or `allocation` says whose it is, where that is known.

    Attributes:
        start: The tagged address of its first byte, `end` that behind its last.
        origin: Byte offset of the argument's first element; elements are counted from there.
        keep: The tensor that keeps the memory from being used for another storage.
    """

    def __init__(self, keep: torch.Tensor, tag: int, argument: int | None, allocation: int | None) -> None:
        whole = keep.untyped_storage()
        self.keep = keep
        self.tag = tag
        self.argument = argument
        self.allocation = allocation
        self.base: int = whole.data_ptr()
        self.nbytes: int = whole.nbytes()
        self.start = self.base + (tag << TAG_SHIFT)
        self.end = self.start + self.nbytes
        self.cell: int = keep.element_size()
        self.origin = 0
        self.written: Array | None = None
        self._valid: Array | None = None
        self._axes: tuple[tuple[int, int], ...] | None = None
        self._writer: Array | None = None
        self._readers: Array | None = None
        self._atomics: Array | None = None
        self._lanes: Array | None = None
        self._read_in = 0
        self._atomic_in = 0

    def limit_to(self, view: torch.Tensor) -> None:
        """Only the elements of `view` may be used."""
        self.origin = int(view.storage_offset()) * view.element_size()
        count = self.nbytes // self.cell
        if count > DENSE_CAP_CELLS:
            axes = [(stride, size) for stride, size in zip(view.stride(), view.shape, strict=True) if size > 1]
            self._axes = tuple(sorted(axes, reverse=True))
            return
        valid = np.zeros(count, dtype=bool)
        cells_of_view(valid, view)[...] = True
        self._valid = None if valid.all() else valid

    def mark_written(self, view: torch.Tensor) -> None:
        """Torch wrote all of `view`."""
        if self.written is None:
            return
        self._refine_to(view.element_size())
        step = view.element_size() // self.cell
        elements = np.zeros(self.written.size // step, dtype=bool)
        cells_of_view(elements, view)[...] = True
        self.written[: elements.size * step] |= np.repeat(elements, step)
        if self.written.all():
            self.written = None

    def cells(self, offsets: Array, itemsize: int) -> Array:
        """Returns the cells that accesses of `itemsize` bytes at `offsets` cover: (lanes,) or (lanes, cells each)."""
        if itemsize < self.cell or (offsets % self.cell).any():
            self._refine_to(1 if (offsets % itemsize).any() else itemsize)
        first: Array = offsets // self.cell
        if itemsize == self.cell:
            return first
        return first[:, None] + np.arange(-(-itemsize // self.cell))

    def invalid(self, offsets: Array, itemsize: int) -> Array | None:
        """Returns which accesses, all within the storage, touch what is no element of the view; None where none can."""
        if self._axes is not None:
            rest = (offsets - self.origin) // self.cell
            wrong = (offsets - self.origin) % self.cell != 0
            for stride, size in self._axes:
                wrong |= (rest < 0) | (rest // stride >= size)
                rest %= stride
            outside: Array = wrong | (rest != 0)
            return outside
        if self._valid is None:
            return None
        cells = self.cells(offsets, itemsize)  # first: it may replace the array of valid cells by a finer one
        return ~_each_lane(self._valid[cells])

    def unwritten(self, cells: Array) -> Array | None:
        """Returns which lanes touch a cell that nobody wrote; None where all were written."""
        if self.written is None:
            return None
        seen = _each_lane(self.written[cells])
        return None if seen.all() else ~seen

    def wrote(self, cells: Array) -> None:
        """A kernel wrote the cells."""
        if self.written is not None:
            self.written[cells] = True

    def read_by(self, cells: Array, ordering: Ordering) -> Array | None:
        """Notes a plain read; returns, a lane, the stamp of an unordered writer or NOBODY; None where there is none."""
        if ordering.alone:
            return None
        found = None
        if self._writer is not None:
            found = _stamps(self._writer[cells], ordering)
        if self._atomic_in == ordering.launch and self._atomics is not None:
            found = _merged(found, _members(self._atomics[cells], ordering))
        if self._readers is None:
            self._readers = np.zeros(self._count, np.int64)
        self._readers[cells] = ordering.extended(self._readers[cells])
        self._read_in = ordering.launch
        return found

    def written_by(self, cells: Array, ordering: Ordering) -> tuple[Array | None, Array | None]:
        """Notes a plain store; returns, a lane, unordered writers, and unordered readers or users of atomics."""
        if ordering.alone:
            return None, None
        if self._writer is None:
            self._writer = np.zeros(self._count, np.int64)
        writers = _stamps(self._writer[cells], ordering)
        others = None
        if self._read_in == ordering.launch and self._readers is not None:
            others = _members(self._readers[cells], ordering)
            self._readers[cells] = NOBODY
        if self._atomic_in == ordering.launch and self._atomics is not None:
            others = _merged(others, _members(self._atomics[cells], ordering))
            self._atomics[cells] = NOBODY
        self._writer[cells] = ordering.stamp
        return writers, others

    def atomic_by(self, cells: Array, changes: Array, ordering: Ordering) -> tuple[Array | None, Array | None]:
        """Notes an atomic operation; returns, a lane, unordered plain writers, and unordered plain readers."""
        if ordering.alone:
            return None, None
        writers = None if self._writer is None else _stamps(self._writer[cells], ordering)
        readers = None
        changed = cells[changes]
        if changed.size:
            if self._read_in == ordering.launch and self._readers is not None:
                readers = _members(self._readers[cells], ordering)
                readers = None if readers is None else np.where(_each_lane(changes), readers, NOBODY)
            if self._atomics is None:
                self._atomics = np.zeros(self._count, np.int64)
            self._atomics[changed] = ordering.extended(self._atomics[changed].reshape(-1)).reshape(changed.shape)
            self._atomic_in = ordering.launch
        return writers, readers

    def stored_by(self, cells: Array, lanes: Array, stretch: int) -> None:
        """Notes which lane stored each cell in this stretch without a barrier; where several did, none is named."""
        if self._lanes is None:
            self._lanes = np.zeros(self._count, np.int64)
        marks = _marks(cells, lanes, stretch)
        self._lanes[cells] = marks
        self._lanes[cells[self._lanes[cells] != marks]] = NOBODY

    def from_other_lanes(self, cells: Array, lanes: Array, stretch: int) -> Array | None:
        """Returns which lanes read what another lane stored in this stretch without a barrier; None where none does."""
        if self._lanes is None:
            return None
        seen = self._lanes[cells]
        wrong = (seen >> LANE_BITS == stretch) & (seen != _marks(cells, lanes, stretch))
        if not wrong.any():
            return None
        any_cell: Array = wrong if wrong.ndim == 1 else wrong.any(axis=1)
        return any_cell

    @property
    def _count(self) -> int:
        return -(-self.nbytes // self.cell)

    def _refine_to(self, itemsize: int) -> None:
        if itemsize >= self.cell:
            return
        factor, self.cell = self.cell // itemsize, itemsize
        for name in ("written", "_valid", "_writer", "_readers", "_atomics", "_lanes"):
            array = getattr(self, name)
            if array is not None:
                setattr(self, name, np.repeat(array, factor))


def cells_of_view(cells: Array, view: torch.Tensor) -> Any:
    """Returns the cells of `view`'s elements as a writable view of `cells`, which count from the storage's start."""
    if view.numel() == 0:
        return cells[:0]
    strides = [stride * cells.strides[0] for stride in view.stride()]
    return np.lib.stride_tricks.as_strided(cells[view.storage_offset() :], tuple(view.shape), strides)


def _marks(cells: Array, lanes: Array, stretch: int) -> Array:
    marks = (stretch << LANE_BITS) + lanes
    return marks if cells.ndim == 1 else np.broadcast_to(marks[:, None], cells.shape)


def _each_lane(cells: Array) -> Array:
    lanes: Array = cells if cells.ndim == 1 else np.all(cells, axis=1)
    return lanes


def _stamps(stamps: Array, ordering: Ordering) -> Array | None:
    wrong = ordering.unordered(stamps)
    return _lanes(np.where(wrong, stamps, NOBODY)) if wrong.any() else None


def _members(ids: Array, ordering: Ordering) -> Array | None:
    if not ids.any():
        return None
    found = ordering.unordered_member(ids)
    return _lanes(found) if found.any() else None


def _lanes(stamps: Array) -> Array:
    return stamps if stamps.ndim == 1 else stamps.max(axis=1)


def _merged(one: Array | None, other: Array | None) -> Array | None:
    if one is None or other is None:
        return other if one is None else one
    larger: Array = np.maximum(one, other)
    return larger

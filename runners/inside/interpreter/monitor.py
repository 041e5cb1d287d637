"""Sees every load, store and atomic operation of a call, and says which of them no right kernel makes.

Pointers that a kernel receives are *tagged*: the upper 16 bits of the address name the allocation that the pointer was
made from, and stay through pointer arithmetic (as in HWASan). So an access belongs to its allocation wherever it lands,
and one that reaches another argument is not taken for an access to that. Addresses that the host passes as integers
(`data_ptr` in a table) carry no tag; they belong to the allocation that they lie in.

A lane that leaves its allocation, or touches an element that the argument's view does not contain, is reported and not
executed. Every other fault is reported and executed. One fault a kind, line and allocation, `CAP` a call.

| fault              | when                                                                                       |
|--------------------|--------------------------------------------------------------------------------------------|
| out of bounds      | outside the allocation, or in a gap between the elements of an argument's view              |
| foreign argument   | the same, where the address lies in another allocation                                      |
| uninitialised read | a load of memory that `torch.empty` and its kin left as it was, and nobody wrote            |
| write to input     | a store that changes bits of an argument of the case                                        |
| double store       | two programs, or two lanes of a store, leave different bits in one element, unordered       |
| unsynchronised     | one program reads what another wrote; or plain and atomic accesses mix; nothing orders them |
|                    | programs meet at an atomic operation with scope "cta", which only their own threads see     |
|                    | one lane reads what another lane of its program stored, and no barrier is between            |

Barriers are `tl.debug_barrier` and atomic operations. A reduction, a scan or a dot is none, though it may go through
shared memory: within a warp it does not, and what nobody uses the compiler removes.

Trusted by nobody: it runs in the candidate's process, hence the positive controls. Not here: memory that torch made for
the result of an operator it computed, and memory from before the call, are valid and initialised as a whole.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import torch
import triton.runtime.interpreter as stock

from runners.inside.interpreter.blame import InterpreterCannot
from runners.inside.interpreter.ordering import EVERY_ADDRESS, Array, Ordering, Place
from runners.inside.interpreter.storage import ADDRESS_MASK, TAG_SHIFT, Storage
from runners.wire import Fault, FaultKind

CAP: Final = 8
TAGS: Final = 1 << 15
_MASK: Final = np.uint64(ADDRESS_MASK)
_SHIFT: Final = np.uint64(TAG_SHIFT)
_WORDS: Final[dict[int, np.dtype[Any]]] = {
    1: np.dtype("uint8"),
    2: np.dtype("uint16"),
    4: np.dtype("uint32"),
    8: np.dtype("uint64"),
}


class Part(NamedTuple):
    """The lanes of an access that belong to one storage: byte offsets, and places in the flattened block."""

    storage: Storage
    offsets: Array
    lanes: Array | slice


class Access(NamedTuple):
    """What may be executed: real addresses, a mask without the lanes that may not, and what is known of the others."""

    pointers: Array
    mask: Array
    itemsize: int
    parts: tuple[Part, ...]


class _Pending(NamedTuple):
    """Elements of which another program's use depends on what is in them when this program ends."""

    kind: FaultKind
    part: Part
    before: Array
    others: Array
    itemsize: int
    line: int | None


class Monitor:
    """Watches one call. `source` is the file whose lines are reported."""

    def __init__(self, source: str | None = None) -> None:
        self.faults: list[Fault] = []
        self._source = source
        self._ordering = Ordering()
        self._storages: list[Storage] = []
        self._by_base: dict[int, Storage] = {}
        self._by_tag: dict[int, Storage] = {}
        self._reported: set[tuple[FaultKind, int, int | None]] = set()
        self._pending: list[_Pending] = []
        self._programs: list[tuple[int, int, int]] = []
        self._allocations = 0
        self._stretch = 1

    def add_argument(self, tensor: torch.Tensor, number: int) -> None:
        """Argument `number` of the case: only the elements of its view may be used."""
        if tensor.numel():
            self._add(tensor, argument=number, allocation=None).limit_to(tensor)

    def add_allocation(self, tensor: torch.Tensor, *, initialised: bool) -> None:
        """The candidate allocated `tensor`."""
        storage = self._add(tensor, argument=None, allocation=self._allocations)
        self._allocations += 1
        if not initialised:
            storage.written = np.zeros(storage.nbytes // storage.cell, dtype=bool)

    def torch_wrote(self, tensor: torch.Tensor) -> None:
        """Torch wrote all elements of `tensor`."""
        storage = self._by_base.get(tensor.untyped_storage().data_ptr())
        if storage is not None:
            storage.mark_written(tensor)

    def tag(self, tensor: torch.Tensor) -> int:
        """Returns what is added to the addresses that a kernel receives for `tensor`."""
        base = tensor.untyped_storage().data_ptr()
        storage = self._by_base.get(base) or self._add(tensor, argument=None, allocation=None)
        return storage.tag << TAG_SHIFT

    def within_allocation(self, pointers: Array) -> Array | None:
        """Returns how many bytes behind the start of their allocation `pointers` lie; None unless it is one."""
        tags = pointers >> _SHIFT
        storage = self._by_tag.get(int(tags.flat[0])) if tags.size else None
        if storage is None or (tags != tags.flat[0]).any():
            return None
        return (pointers - np.uint64(storage.start)).view(np.int64)

    def begin_launch(self, programs: int) -> None:
        """A launch of so many programs begins."""
        self._ordering.begin_launch(programs)
        self._programs.clear()

    def begin_program(self, at: tuple[int, int, int]) -> None:
        """The program at these grid coordinates runs next."""
        self._programs.append(at)
        self._ordering.begin_program()
        self.barrier()

    def resume(self, place: Place) -> None:
        """The program that stood there goes on."""
        self._ordering.resume(place)
        self.barrier()

    def barrier(self) -> None:
        """The threads of the program meet: what each stored, all may read."""
        self._stretch += 1

    def pause(self) -> Place:
        """The program ends, or makes way: reports elements that others used before this one changed them for good."""
        for kind, part, before, others, itemsize, line in self._pending:
            wrong = (_bits(part, itemsize) != before) & (others != 0)
            if wrong.any():
                lane = int(np.argmax(wrong))
                self._report(kind, part.storage, int(part.offsets[lane]), itemsize, line=line, other=int(others[lane]))
        self._pending.clear()
        return self._ordering.place()

    def load(self, pointers: Array, mask: Array, itemsize: int, *, atomic: bool) -> Access:
        """Before a load. `atomic` also for volatile ones: whoever writes that thinks of other programs."""
        access = self._resolve(pointers, mask, itemsize, "out_of_bounds_load")
        for part in access.parts:
            storage = part.storage
            if storage.argument is not None:
                continue
            cells = storage.cells(part.offsets, itemsize)
            self._check_written(part, cells, itemsize)
            if atomic:
                address = _address(part)
                self._ordering.acquire(storage.tag, address)
                found, _ = storage.atomic_by(cells, np.zeros(cells.shape, dtype=bool), self._ordering)
            else:
                found = storage.read_by(cells, self._ordering)
            self._report_found("unsynchronised", part, found, itemsize)
            self._check_lanes(part, cells, access)
        return access

    def store(self, pointers: Array, mask: Array, values: Array) -> Access:
        """Before a plain store of `values`."""
        itemsize = values.itemsize
        access = self._resolve(pointers, mask, itemsize, "out_of_bounds_store")
        for part in access.parts:
            storage = part.storage
            if storage.argument is not None:
                self._await_end("write_to_input", part, np.ones(part.offsets.shape, np.int64), itemsize)
                continue
            cells = storage.cells(part.offsets, itemsize)
            writers, others = storage.written_by(cells, self._ordering)
            self._await_end("double_store", part, writers, itemsize)
            self._await_end("unsynchronised", part, others, itemsize)
            storage.wrote(cells)
            storage.stored_by(cells, _places(part, access), self._stretch)
        return access

    def stored(self, access: Access, values: Array) -> None:
        """After a plain store: two lanes with different values for one element leave one of them wrong."""
        for part in access.parts:
            if part.storage.argument is None:
                wrong = _bits(part, access.itemsize) != _word(values)[part.lanes]
                if wrong.any():
                    offset = int(part.offsets[int(np.argmax(wrong))])
                    self._report("double_store", part.storage, offset, access.itemsize)

    def atomic(
        self, pointers: Array, mask: Array, itemsize: int, *, acquires: bool, changes: Array, reads: bool, own: bool
    ) -> Access:
        """Before an atomic operation.

        Args:
            changes: Which lanes write another value than is there, if any.
            own: It is one among the threads of its program only (scope "cta"): to other programs a plain load and
                store, which orders nothing.
        """
        access = self._resolve(pointers, mask, itemsize, "out_of_bounds_store")
        self.barrier()
        for part in access.parts:
            storage = part.storage
            if storage.argument is not None:
                self._await_end("write_to_input", part, np.ones(part.offsets.shape, np.int64), itemsize)
                continue
            if acquires and not own:
                self._ordering.acquire(storage.tag, _address(part))
            cells = storage.cells(part.offsets, itemsize)
            if reads:
                self._check_written(part, cells, itemsize)
            if own:
                for found in storage.written_by(cells, self._ordering):
                    self._report_found("unsynchronised", part, found, itemsize)
                storage.wrote(cells)
                continue
            lanes = np.broadcast_to(changes, access.mask.shape).reshape(-1)[part.lanes]
            writing = lanes if cells.ndim == 1 else np.broadcast_to(lanes[:, None], cells.shape)
            writers, readers = storage.atomic_by(cells, writing, self._ordering)
            self._report_found("unsynchronised", part, writers, itemsize)
            self._await_end("unsynchronised", part, readers, itemsize)
            storage.wrote(cells)
        return access

    def release(self, access: Access) -> None:
        """After an atomic operation with release semantics."""
        for part in access.parts:
            if part.storage.argument is None:
                self._ordering.release(part.storage.tag, _address(part))

    def _add(self, tensor: torch.Tensor, argument: int | None, allocation: int | None) -> Storage:
        tag = len(self._storages) + 1
        if tag >= TAGS:
            raise InterpreterCannot(f"a call makes more than {TAGS - 1} allocations")
        storage = Storage(tensor, tag, argument, allocation)
        self._storages.append(storage)
        self._by_base[storage.base] = storage
        self._by_tag[storage.tag] = storage
        return storage

    def _resolve(self, pointers: Array, mask: Array, itemsize: int, kind: FaultKind) -> Access:
        if mask.shape != pointers.shape:
            pointers, mask = np.broadcast_arrays(pointers, mask)
        flat, taken = pointers.reshape(-1), mask.reshape(-1)
        lanes: Array | slice = slice(None) if taken.all() else np.flatnonzero(taken)
        active = flat[lanes]
        real = pointers & _MASK
        if not active.size:
            return Access(real, mask, itemsize, ())
        low, high = int(active.min()), int(active.max())
        storage = self._by_tag.get(low >> TAG_SHIFT)
        if storage is not None and storage.start <= low and high + itemsize <= storage.end:
            offsets = (active - np.uint64(storage.start)).view(np.int64)
            wrong = storage.invalid(offsets, itemsize)
            if wrong is None or not wrong.any():
                return Access(real, mask, itemsize, (Part(storage, offsets, lanes),))
        return self._sort_out(Access(real, mask, itemsize, ()), active, np.flatnonzero(taken), kind)

    def _sort_out(self, access: Access, active: Array, lanes: Array, kind: FaultKind) -> Access:
        """Splits an access by storage, and takes out and reports the lanes that may not be executed."""
        parts = []
        allowed = access.mask.reshape(-1).copy()
        for storage, chosen in self._owners(active):
            start = np.uint64(storage.base if int(active[chosen][0]) >> TAG_SHIFT == 0 else storage.start)
            offsets = (active[chosen] - start).view(np.int64)
            wrong = (offsets < 0) | (offsets + access.itemsize > storage.nbytes)
            within = ~wrong
            gaps = storage.invalid(offsets[within], access.itemsize)
            if gaps is not None:
                wrong[within] = gaps
            if wrong.any():
                self._report_outside(kind, storage, offsets[wrong], access.itemsize)
                allowed[lanes[chosen][wrong]] = False
            if not wrong.all():
                parts.append(Part(storage, offsets[~wrong], lanes[chosen][~wrong]))
        wild = (active >> _SHIFT != 0) & ~np.isin(active >> _SHIFT, np.array(list(self._by_tag), np.uint64))
        if wild.any():
            self._report(kind, None, 0, access.itemsize)
            allowed[lanes[wild]] = False
        return access._replace(mask=allowed.reshape(access.mask.shape), parts=tuple(parts))

    def _owners(self, active: Array) -> Iterator[tuple[Storage, Array]]:
        for tag in np.unique(active >> _SHIFT):
            storage = self._by_tag.get(int(tag))
            if storage is not None:
                yield storage, np.flatnonzero(active >> _SHIFT == tag)
        if (active >> _SHIFT == 0).any():
            for storage in self._storages:
                inside = (active >= storage.base) & (active < storage.base + storage.nbytes)
                if inside.any():
                    yield storage, np.flatnonzero(inside)

    def _check_written(self, part: Part, cells: Array, itemsize: int) -> None:
        wrong = part.storage.unwritten(cells)
        if wrong is not None:
            self._report("uninitialised_read", part.storage, int(part.offsets[int(np.argmax(wrong))]), itemsize)

    def _check_lanes(self, part: Part, cells: Array, access: Access) -> None:
        wrong = part.storage.from_other_lanes(cells, _places(part, access), self._stretch)
        if wrong is not None:
            offset = int(part.offsets[int(np.argmax(wrong))])
            self._report("unsynchronised", part.storage, offset, access.itemsize, other=self._ordering.stamp)

    def _report_found(self, kind: FaultKind, part: Part, found: Array | None, itemsize: int) -> None:
        if found is not None:
            lane = int(np.argmax(found != 0))
            self._report(kind, part.storage, int(part.offsets[lane]), itemsize, other=int(found[lane]))

    def _await_end(self, kind: FaultKind, part: Part, others: Array | None, itemsize: int) -> None:
        if others is not None and (kind, part.storage.tag, line := self._line()) not in self._reported:
            self._pending.append(_Pending(kind, part, _bits(part, itemsize), others, itemsize, line))

    def _report_outside(self, kind: FaultKind, storage: Storage, offsets: Array, itemsize: int) -> None:
        landed = storage.base + int(offsets[0])
        for other in self._storages:
            if other is not storage and other.base <= landed < other.base + other.nbytes:
                self._report("foreign_argument", other, landed - other.base, itemsize)
                return
        self._report(kind, storage, int(offsets[0]), itemsize)

    def _report(
        self,
        kind: FaultKind,
        storage: Storage | None,
        offset: int,
        itemsize: int,
        *,
        line: int | None = None,
        other: int = 0,
    ) -> None:
        line = line or self._line()
        key = (kind, storage.tag if storage else 0, line)
        if key in self._reported or len(self.faults) >= CAP:
            return
        self._reported.add(key)
        mine, rank = self._ordering.rank(self._ordering.stamp), self._ordering.rank(other) if other else -1
        self.faults.append(
            Fault(
                kind=kind,
                argument=storage.argument if storage else None,
                allocation=storage.allocation if storage else None,
                element=(offset - storage.origin) // itemsize if storage else 0,
                line=line,
                program=self._programs[mine] if 0 <= mine < len(self._programs) else None,
                other=self._programs[rank] if 0 <= rank < len(self._programs) else None,
            )
        )

    def _line(self) -> int | None:
        frame = sys._getframe(1)
        while frame.f_back is not None:
            if frame.f_code.co_filename == self._source:
                return frame.f_lineno
            frame = frame.f_back
        return None


def _places(part: Part, access: Access) -> Array:
    places: Array = np.arange(access.mask.size)[part.lanes]
    return places


def _address(part: Part) -> int:
    return int(part.offsets[0]) if part.offsets.size == 1 else EVERY_ADDRESS


def _bits(part: Part, itemsize: int) -> Array:
    addresses = part.offsets.view(np.uint64) + np.uint64(part.storage.base)
    kind = _WORDS[itemsize]
    nothing: Array = np.zeros(addresses.shape, dtype=kind)
    bits: Array = stock._interpreter.load(addresses, np.ones(addresses.shape, dtype=bool), nothing, kind)
    return bits


def _word(values: Array) -> Any:
    return values.reshape(-1).view(_WORDS[values.itemsize])

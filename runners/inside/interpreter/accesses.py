"""Loads, stores and atomic operations: monitored, undefined lanes, and the bfloat16 addition that stock refuses.

A masked-off lane of a load without `other` is undefined on a GPU; stock returns 0, which hides every kernel that uses
one. Under `undefined_lanes` it holds NaN, or a third of the largest integer (as an index it leaves any buffer).
So does a lane of `tl.gather` whose index names no element.

Every access goes through the monitor of the call, which takes the tag off the pointers that it made (`convert` puts it
on) and the lanes out of the mask that may not be executed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
import triton.language as tl
import triton.runtime.interpreter as stock
from triton.runtime.interpreter import InterpreterBuilder, TensorDescHandle, TensorHandle

from runners.inside.interpreter.blame import InterpreterCannot
from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.formats import SOFT, Array, narrow, numpy_dtype, widen
from runners.inside.interpreter.monitor import Access
from runners.inside.interpreter.undefined import undefined

_rmw = InterpreterBuilder.create_atomic_rmw
_convert = stock._implicit_cvt
_SEMANTICS = stock._ir.MEM_SEMANTIC
_OPERATIONS = stock._ir.ATOMIC_OP
_ACQUIRES: Final = (_SEMANTICS.ACQUIRE, _SEMANTICS.ACQUIRE_RELEASE)
_RELEASES: Final = (_SEMANTICS.RELEASE, _SEMANTICS.ACQUIRE_RELEASE)
_OF_ONE_PROGRAM: Final = stock._ir.MEM_SYNC_SCOPE.CTA


def convert(argument: Any) -> Any:
    """Replaces `_implicit_cvt`: a tensor becomes a pointer that says to which allocation it belongs."""
    made = _convert(argument)
    monitor = CURRENT.run.monitor
    if monitor is not None and hasattr(argument, "data_ptr"):
        tensor = argument if isinstance(argument, torch.Tensor) else argument.base  # triton.reinterpret wraps one
        made.handle.data += np.uint64(monitor.tag(tensor))
    return made


def create_masked_load(
    self: Any, ptrs: TensorHandle, mask: TensorHandle, other: TensorHandle | None, *policy: Any, **named: Any
) -> TensorHandle:
    """Loads through numpy's own reader; never touches a masked-off address."""
    dtype = ptrs.get_element_ty()
    kind = numpy_dtype(dtype)
    pointers, taken = ptrs.data, _lanes(mask)
    volatile = bool(named.get("is_volatile", policy[-1] if policy else False))
    if volatile:
        _meet()
    if CURRENT.run.monitor is not None:
        pointers, taken, *_ = CURRENT.run.monitor.load(pointers, taken, kind.itemsize, atomic=volatile)
    if other is not None:
        rest = other.data
    elif CURRENT.run.conditions.undefined_lanes and not np.all(taken):
        rest = np.full(pointers.shape, undefined(dtype), dtype=kind)
    else:
        rest = np.zeros(pointers.shape, dtype=kind)
    return TensorHandle(stock._interpreter.load(pointers, taken, rest, kind), dtype)


def create_masked_store(
    self: Any, ptrs: TensorHandle, value: TensorHandle, mask: TensorHandle, *policy: Any, **named: Any
) -> None:
    """Stores; of several lanes with one address, the last wins."""
    monitor = CURRENT.run.monitor
    if monitor is None:
        stock._interpreter.store(ptrs.data, value.data, _lanes(mask))
        return
    access = monitor.store(ptrs.data, _lanes(mask), value.data)
    stock._interpreter.store(access.pointers, value.data, access.mask)
    monitor.stored(access, value.data)


def _lanes(mask: TensorHandle | Array) -> Array:
    """Triton 3.6 makes the mask of a block pointer or descriptor without a handle around it."""
    lanes: Array = mask.data if isinstance(mask, TensorHandle) else mask
    return lanes


def create_gather(self: Any, src: TensorHandle, indices: TensorHandle, axis: int) -> TensorHandle:
    """The elements that `indices` name; where they name none, a lane is undefined (stock counts from the end)."""
    inside = (indices.data >= 0) & (indices.data < src.data.shape[axis])
    found = np.take_along_axis(src.data, np.where(inside, indices.data, 0), axis=axis)
    if not inside.all():
        rest = undefined(src.dtype.scalar) if CURRENT.run.conditions.undefined_lanes else np.zeros((), found.dtype)
        found = np.where(inside, found, rest).astype(found.dtype)
    return TensorHandle(found, src.dtype.scalar)


def create_atomic_cas(
    self: Any, ptr: TensorHandle, cmp: TensorHandle, val: TensorHandle, sem: Any, scope: Any
) -> TensorHandle:
    """Notes that an atomic operation was executed."""
    CURRENT.run.observation.atomics = True
    _meet()
    monitor = CURRENT.run.monitor
    pointers, everywhere = ptr.data, np.ones(ptr.data.shape, dtype=bool)
    if monitor is None:
        return TensorHandle(_swap(pointers, cmp.data, val.data, everywhere), cmp.dtype.scalar)
    access = monitor.atomic(
        pointers,
        everywhere,
        val.data.itemsize,
        acquires=sem in _ACQUIRES,
        changes=cmp.data != val.data,
        reads=True,
        own=scope == _OF_ONE_PROGRAM,
    )
    data = _swap(access.pointers, cmp.data, val.data, access.mask)
    _met(access, data)
    if sem in _RELEASES and scope != _OF_ONE_PROGRAM:
        monitor.release(access)
    return TensorHandle(data, cmp.dtype.scalar)


def create_atomic_rmw(
    self: Any, op: Any, ptr: TensorHandle, val: TensorHandle, mask: TensorHandle, sem: Any, scope: Any
) -> TensorHandle:
    """Notes that an atomic operation was executed; adds bfloat16 lane by lane, rounding each time."""
    CURRENT.run.observation.atomics = True
    _meet()
    monitor = CURRENT.run.monitor
    if monitor is None:
        return _modify(self, op, ptr, val, mask, sem, scope)
    adds = op in (_OPERATIONS.ADD, _OPERATIONS.FADD)
    access = monitor.atomic(
        ptr.data,
        mask.data,
        val.data.itemsize,
        acquires=sem in _ACQUIRES,
        changes=val.data != 0 if adds else np.ones(val.data.shape, dtype=bool),
        reads=op != _OPERATIONS.XCHG,
        own=scope == _OF_ONE_PROGRAM,
    )
    pointers, taken = TensorHandle(access.pointers, ptr.dtype), TensorHandle(access.mask, mask.dtype)
    result = _modify(self, op, pointers, val, taken, sem, scope)
    _met(access, result.data)
    if sem in _RELEASES and scope != _OF_ONE_PROGRAM:
        monitor.release(access)
    return result


def create_atomic_store(
    self: Any, ptr: TensorHandle, val: TensorHandle, mask: TensorHandle, sem: Any, scope: Any
) -> None:
    """Stores, and is an atomic operation to the monitor."""
    _meet()
    monitor = CURRENT.run.monitor
    if monitor is None:
        stock._interpreter.store(ptr.data, val.data, mask.data)
        return
    changes = np.ones(val.data.shape, dtype=bool)
    access = monitor.atomic(
        ptr.data,
        mask.data,
        val.data.itemsize,
        acquires=False,
        changes=changes,
        reads=False,
        own=scope == _OF_ONE_PROGRAM,
    )
    before = _memory(access, val.data.dtype)
    stock._interpreter.store(access.pointers, val.data, access.mask)
    _met(access, before)
    if sem in _RELEASES and scope != _OF_ONE_PROGRAM:
        monitor.release(access)


def _meet() -> None:
    if CURRENT.run.interleaving is not None:
        CURRENT.run.interleaving.meet()


def _met(access: Access, before: Array) -> None:
    """After an atomic operation that found `before`: says whether it changed anything."""
    interleaving = CURRENT.run.interleaving
    if interleaving is not None:
        after = _memory(access, before.dtype)
        kind = f"V{before.dtype.itemsize}"  # bits: NaN is not equal to itself
        if np.any((after.view(kind) != np.ascontiguousarray(before).view(kind)) & access.mask):
            interleaving.changed()


def _memory(access: Access, kind: np.dtype[Any]) -> Array:
    values: Array = stock._interpreter.load(access.pointers, access.mask, np.zeros(access.pointers.shape, kind), kind)
    return values


def _modify(
    self: Any, op: Any, ptr: TensorHandle, val: TensorHandle, mask: TensorHandle, sem: Any, scope: Any
) -> TensorHandle:
    if op == _OPERATIONS.XCHG and val.data.dtype.kind == "f":
        return _exchange_bits(self, op, ptr, val, mask, sem, scope)
    if val.dtype.scalar.name not in SOFT:
        return _rmw(self, op, ptr, val, mask, sem, scope)
    if op != _OPERATIONS.FADD:
        raise InterpreterCannot(f"an atomic {op} on {val.dtype} is not modelled")
    lanes = np.broadcast_arrays(ptr.data, val.data, mask.data)
    pointers, values, taken = (lane.reshape(-1) for lane in lanes)
    dtype = val.dtype.scalar
    before = [_add(*lane, dtype) for lane in zip(pointers, values, taken, strict=True)]
    return TensorHandle(np.array(before, dtype=val.data.dtype).reshape(ptr.data.shape), val.dtype.scalar)


def _exchange_bits(
    self: Any, op: Any, ptr: TensorHandle, val: TensorHandle, mask: TensorHandle, sem: Any, scope: Any
) -> TensorHandle:
    """Stock exchanges integers only."""
    kind = tl.dtype(f"uint{val.data.itemsize * 8}")
    bits = TensorHandle(np.ascontiguousarray(val.data).view(numpy_dtype(kind)), kind)
    before = _rmw(self, op, TensorHandle(ptr.data, tl.pointer_type(kind)), bits, mask, sem, scope)
    return TensorHandle(before.data.view(val.data.dtype), val.dtype.scalar)


def _swap(pointers: Array, expected: Array, values: Array, taken: Array) -> Array:
    """Compares and swaps the lanes of `taken`; the others hold what was expected, so that nobody waits for them."""
    before = np.broadcast_to(expected, pointers.shape).copy()
    chosen: Any = ... if taken.all() else taken
    lanes = (np.broadcast_to(each, pointers.shape)[chosen] for each in (pointers, expected, values))
    before[chosen] = stock._interpreter.atomic_cas(
        *(np.ascontiguousarray(lane) for lane in lanes), stock._interpreter.MEM_SEMANTIC.ACQUIRE_RELEASE
    )
    return before


def _add(address: Any, value: Any, taken: Any, dtype: tl.dtype) -> Any:
    kind = numpy_dtype(dtype)
    if not taken:
        return kind.type(0)
    pointer, always = np.array([address], dtype=np.uint64), np.array([True])
    before: Array = stock._interpreter.load(pointer, always, np.zeros(1, kind), kind)
    total = widen(TensorHandle(before, dtype)) + widen(TensorHandle(np.array([value], dtype=kind), dtype))
    stock._interpreter.store(pointer, narrow(total, dtype), always)
    return before[0]


def create_barrier(self: Any) -> None:
    """`tl.debug_barrier`: stock ignores it, since its threads are one."""
    barrier()


def barrier() -> None:
    """The threads of the program that runs meet."""
    if CURRENT.run.monitor is not None:
        CURRENT.run.monitor.barrier()


def create_inline_asm(self: Any, *arguments: Any) -> TensorHandle:
    """Refused: this is machine code of a GPU."""
    raise InterpreterCannot("inline assembly (tl.inline_asm_elementwise) runs only on a GPU")


def create_ptr_to_int(self: Any, src: TensorHandle, dst_type: Any) -> TensorHandle:
    """Refused: where memory lies differs between processes, so that a kernel which computes with it can't be shown."""
    raise InterpreterCannot("the address of a tensor becomes a number, and where memory lies is not modelled")


def validate_descriptor(self: TensorDescHandle) -> None:
    """Checks what a tensor descriptor demands of strides; its base is guarded here, hence not aligned to 16 bytes."""
    itemsize = self.base.dtype.element_ty.primitive_bitwidth // 8
    assert self.ndim >= 1, "descriptor cannot be 0 dimensional"
    assert len(self.strides) == self.ndim, "a descriptor has as many strides as dimensions"
    for stride in self.strides[:-1]:
        assert stride.data.item() * itemsize % 16 == 0, "stride must be 16-byte aligned"
    assert self.strides[-1].data.item() == 1, "last dim must be contiguous"


REPAIRS: Final[dict[str, Callable[..., TensorHandle | None]]] = {
    "create_masked_load": create_masked_load,
    "create_masked_store": create_masked_store,
    "create_gather": create_gather,
    "create_atomic_store": create_atomic_store,
    "create_atomic_cas": create_atomic_cas,
    "create_atomic_rmw": create_atomic_rmw,
    "create_barrier": create_barrier,
    "create_inline_asm": create_inline_asm,
    "create_ptr_to_int": create_ptr_to_int,
}

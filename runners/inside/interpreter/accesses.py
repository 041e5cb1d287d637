"""Loads and atomic operations: undefined lanes, and the bfloat16 addition that stock refuses.

A masked-off lane of a load without `other` is undefined on a GPU; stock returns 0, which hides every kernel that uses
one. Under `undefined_lanes` it holds NaN, or a third of the largest integer (as an index it leaves any buffer).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import triton.language as tl
import triton.runtime.interpreter as stock
from triton.runtime.interpreter import InterpreterBuilder, TensorDescHandle, TensorHandle

from runners.inside.interpreter.blame import InterpreterCannot
from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.formats import SOFT, Array, narrow, numpy_dtype, widen

_cas = InterpreterBuilder.create_atomic_cas
_rmw = InterpreterBuilder.create_atomic_rmw


def create_masked_load(
    self: Any, ptrs: TensorHandle, mask: TensorHandle, other: TensorHandle | None, *policy: Any, **named: Any
) -> TensorHandle:
    """Loads through numpy's own reader; never touches a masked-off address."""
    dtype = ptrs.get_element_ty()
    kind = numpy_dtype(dtype)
    if other is not None:
        rest = other.data
    elif CURRENT.run.conditions.undefined_lanes and not np.all(getattr(mask, "data", mask)):
        rest = np.full(ptrs.data.shape, undefined(dtype), dtype=kind)
    else:
        rest = np.zeros(ptrs.data.shape, dtype=kind)
    return TensorHandle(stock._interpreter.load(ptrs.data, getattr(mask, "data", mask), rest, kind), dtype)


def undefined(dtype: tl.dtype) -> Any:
    """Returns the value, or bit pattern, that stands for an undefined lane."""
    kind = numpy_dtype(dtype)
    if dtype.name in SOFT:
        return narrow(np.array([np.nan], dtype=np.float32), dtype)[0]
    if kind.kind == "f":
        return np.nan
    return True if kind.kind == "b" else np.iinfo(kind).max // 3


def create_atomic_cas(self: Any, *arguments: Any) -> TensorHandle:
    """Notes that an atomic operation was executed."""
    CURRENT.run.observation.atomics = True
    return _cas(self, *arguments)


def create_atomic_rmw(
    self: Any, op: Any, ptr: TensorHandle, val: TensorHandle, mask: TensorHandle, sem: Any, scope: Any
) -> TensorHandle:
    """Notes that an atomic operation was executed; adds bfloat16 lane by lane, rounding each time."""
    CURRENT.run.observation.atomics = True
    if val.dtype.scalar.name not in SOFT:
        return _rmw(self, op, ptr, val, mask, sem, scope)
    if op != stock._ir.ATOMIC_OP.FADD:
        raise InterpreterCannot(f"an atomic {op} on {val.dtype} is not modelled")
    lanes = np.broadcast_arrays(ptr.data, val.data, mask.data)
    pointers, values, taken = (lane.reshape(-1) for lane in lanes)
    dtype = val.dtype.scalar
    before = [_add(*lane, dtype) for lane in zip(pointers, values, taken, strict=True)]
    return TensorHandle(np.array(before, dtype=val.data.dtype).reshape(ptr.data.shape), val.dtype.scalar)


def _add(address: Any, value: Any, taken: Any, dtype: tl.dtype) -> Any:
    kind = numpy_dtype(dtype)
    if not taken:
        return kind.type(0)
    pointer, always = np.array([address], dtype=np.uint64), np.array([True])
    before: Array = stock._interpreter.load(pointer, always, np.zeros(1, kind), kind)
    total = widen(TensorHandle(before, dtype)) + widen(TensorHandle(np.array([value], dtype=kind), dtype))
    stock._interpreter.store(pointer, narrow(total, dtype), always)
    return before[0]


def create_inline_asm(self: Any, *arguments: Any) -> TensorHandle:
    """Refused: this is machine code of a GPU."""
    raise InterpreterCannot("inline assembly (tl.inline_asm_elementwise) runs only on a GPU")


def validate_descriptor(self: TensorDescHandle) -> None:
    """Checks what a tensor descriptor demands of strides; its base is guarded here, hence not aligned to 16 bytes."""
    itemsize = self.base.dtype.element_ty.primitive_bitwidth // 8
    assert self.ndim >= 1, "descriptor cannot be 0 dimensional"
    assert len(self.strides) == self.ndim, "a descriptor has as many strides as dimensions"
    for stride in self.strides[:-1]:
        assert stride.data.item() * itemsize % 16 == 0, "stride must be 16-byte aligned"
    assert self.strides[-1].data.item() == 1, "last dim must be contiguous"


REPAIRS: Final[dict[str, Callable[..., TensorHandle]]] = {
    "create_masked_load": create_masked_load,
    "create_atomic_cas": create_atomic_cas,
    "create_atomic_rmw": create_atomic_rmw,
    "create_inline_asm": create_inline_asm,
}

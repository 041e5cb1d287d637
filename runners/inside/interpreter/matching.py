"""Operands that match already are combined without asking again whether, and how, they do.

Stock, every binary operation derives the type of its result, casts both operands, broadcasts them, and makes a block of
what stands beside one: a quarter of a kernel's time here. Operands of one scalar type and one shape are returned as
they are, a scalar of that type becomes a block at once, and a number beside a block is made into one once for each type
and shape. All else (promotion, other broadcasting, refusals) is left to the stock methods.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import triton.language as tl
from triton.language.semantic import TritonSemantic
from triton.runtime.interpreter import TensorHandle, interpreter_semantic

_stock_match = TritonSemantic.binary_op_type_checking_impl
_stock_broadcast = TritonSemantic.broadcast_impl_value
_stock_cast = TritonSemantic.cast
_stock_unwrap = tl.core._unwrap_if_constexpr

# by name: comparing and hashing types is slow
_ENDS: Final = {"int32": 1 << 31, "int64": 1 << 63}
_WIDE: Final = frozenset({"fp32", "fp64"})  # what is narrower is divided in float32
_FLOATS: Final = _WIDE | {"fp16", "bf16"}
_MOST: Final = 1 << 31
_KEPT: Final = 4096  # numbers that a file spells out are few; what a loop makes anew is forgotten as a whole
_BLOCKS: Final[dict[tuple[Any, ...], tl.tensor]] = {}
_PLAIN: Final = frozenset({tl.tensor, int, float, bool, type(None)})


def match(
    self: Any,
    lhs: Any,
    rhs: Any,
    allow_lhs_ptr: bool = False,
    allow_rhs_ptr: bool = False,
    arithmetic_check: bool = True,
    div_or_mod: bool = False,
) -> tuple[Any, Any]:
    """`TritonSemantic.binary_op_type_checking_impl`."""
    if arithmetic_check:
        left, right = type(lhs) is tl.tensor, type(rhs) is tl.tensor
        if left and right:
            if _agree(lhs.dtype, rhs.dtype, pointers=allow_lhs_ptr, div_or_mod=div_or_mod):
                return broadcast(self, lhs, rhs)
        elif left and _takes(lhs, rhs, div_or_mod=div_or_mod):
            return lhs, _block(self, rhs, lhs.type)
        elif right and _takes(rhs, lhs, div_or_mod=div_or_mod):
            return _block(self, lhs, rhs.type), rhs
    result: tuple[Any, Any] = _stock_match(self, lhs, rhs, allow_lhs_ptr, allow_rhs_ptr, arithmetic_check, div_or_mod)
    return result


def broadcast(self: Any, lhs: Any, rhs: Any) -> tuple[Any, Any]:
    """`TritonSemantic.broadcast_impl_value`."""
    left, right = _shape(lhs), _shape(rhs)
    if left is right:
        return lhs, rhs
    if right is None:
        return lhs, _spread(self, rhs, lhs.type)
    if left is None:
        return _spread(self, lhs, rhs.type), rhs
    result: tuple[Any, Any] = _stock_broadcast(self, lhs, rhs)
    return result


def cast(self: Any, input: Any, dst_ty: Any, fp_downcast_rounding: str | None = None) -> Any:  # Triton's names
    """`TritonSemantic.cast`."""
    if input.dtype is dst_ty:
        return input
    return _stock_cast(self, input, dst_ty, fp_downcast_rounding)


def unwrap(o: Any) -> Any:
    """`triton.language.core._unwrap_if_constexpr`."""
    return o if type(o) in _PLAIN else _stock_unwrap(o)


def _agree(kind: Any, other: Any, *, pointers: bool, div_or_mod: bool) -> bool:
    name = other.name
    if kind is other:
        return name in _ENDS or name in (_WIDE if div_or_mod else _FLOATS) or (name == "int1" and not div_or_mod)
    return pointers and name in _ENDS and bool(kind.is_ptr())


def _shape(value: tl.tensor) -> Any:
    kind = value.type
    return kind.known if type(kind) is tl.block_type else None


def _takes(block: tl.tensor, number: Any, *, div_or_mod: bool) -> bool:
    """Whether `number` takes the scalar type of `block`: it is of no higher kind, and within its range."""
    if type(block.type) is not tl.block_type:
        return False
    name = block.dtype.name
    if name in (_WIDE if div_or_mod else _FLOATS):
        return type(number) is float or (type(number) is int and -_MOST <= number < _MOST)
    end = _ENDS.get(name, 0)
    return type(number) is int and -end <= number < end


def _spread(self: Any, scalar: tl.tensor, beside: tl.block_type) -> tl.tensor:
    """A block of the shape `beside` that holds `scalar` everywhere."""
    data = np.empty(beside.known.dimensions, dtype=scalar.handle.data.dtype)
    data.fill(scalar.handle.data.item())
    return self.tensor(TensorHandle(data, scalar.handle.dtype), beside.with_element_ty(scalar.type))


def _block(self: Any, number: float | int, kind: tl.block_type) -> tl.tensor:
    key = (number, math.copysign(1.0, number), type(number), kind.element_ty.name, kind.known)
    block = _BLOCKS.get(key)
    if block is None:
        if len(_BLOCKS) >= _KEPT:
            _BLOCKS.clear()
        block = _spread(self, self.scalar_constant(number, kind.element_ty), kind)
        _BLOCKS[key] = block
    return block


def _operator(method: str, *more: Any) -> Callable[[tl.tensor, Any], Any]:
    def operate(self: tl.tensor, other: Any) -> Any:
        return getattr(interpreter_semantic, method)(self, unwrap(other), *more)

    return operate


def _reflected(method: str, *more: Any) -> Callable[[tl.tensor, Any], Any]:
    def operate(self: tl.tensor, other: Any) -> Any:
        return getattr(interpreter_semantic, method)(unwrap(other), self, *more)

    return operate


# what Triton's own methods end in; the False is for `sanitize_overflow`, which the interpreter leaves out
OPERATORS: Final = {
    "__add__": _operator("add", False),
    "__radd__": _reflected("add", False),
    "__sub__": _operator("sub", False),
    "__rsub__": _reflected("sub", False),
    "__mul__": _operator("mul", False),
    "__rmul__": _reflected("mul", False),
    "__truediv__": _operator("truediv"),
    "__and__": _operator("and_"),
    "__lt__": _operator("less_than"),
    "__le__": _operator("less_equal"),
    "__gt__": _operator("greater_than"),
    "__ge__": _operator("greater_equal"),
}
REPLACEMENTS: Final[tuple[tuple[Any, str, Callable[..., Any]], ...]] = (
    (TritonSemantic, "binary_op_type_checking_impl", match),
    (TritonSemantic, "broadcast_impl_value", broadcast),
    (TritonSemantic, "cast", cast),
    (tl.core, "_unwrap_if_constexpr", unwrap),
    (tl, "_unwrap_if_constexpr", unwrap),
)

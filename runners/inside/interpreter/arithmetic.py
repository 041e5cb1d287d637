"""Replacements of the interpreter's element-wise builder methods.

Stock, arithmetic on bfloat16 and float8 works on the bit patterns, float32 → bfloat16 truncates, a mask keeps the
dtype of what was compared (and is then converted as if it held such numbers), float → integer overflow is whatever
the CPU does, and an fma of 16-bit floats rounds twice. Here every operation is computed on the exact values and
rounded once to its result type; transcendental functions of float32 are computed in float64, so that a result does
not depend on which vector unit this CPU has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
import triton.language as tl
import triton.runtime.interpreter as stock
from triton.runtime.interpreter import TensorHandle

from runners.inside.interpreter import noise
from runners.inside.interpreter.formats import SOFT, Array, narrow, numpy_dtype, to_integer, widen

Operation = Callable[..., Any]

_COMPARISONS: Final = frozenset({np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal})
_BITWISE: Final = frozenset({np.bitwise_and, np.bitwise_or, np.bitwise_xor})
_FACTORS: Final = "kernelgate.factors"
_ROUNDING = stock._ir.ROUNDING_MODE


def binary_op(self: Any, lhs: TensorHandle, rhs: TensorHandle, op: Operation) -> TensorHandle:
    """Applies `op` to the values and rounds once to the type of `lhs`; a comparison yields int1."""
    if op in _COMPARISONS:
        return TensorHandle(op(widen(lhs), widen(rhs)), tl.int1)
    dtype = lhs.dtype.scalar
    left, right = lhs.data, rhs.data
    if dtype.name in SOFT and op not in _BITWISE:
        return TensorHandle(narrow(op(widen(lhs), widen(rhs)), dtype), dtype)
    if left.dtype == np.bool_ and right.dtype == np.bool_:
        # int1 is a one-bit integer that wraps; numpy would saturate, and refuses to subtract
        return TensorHandle((op(left.astype(np.int8), right.astype(np.int8)) & 1).astype(np.bool_), dtype)
    result = op(left, right)
    if result.dtype.itemsize > left.dtype.itemsize:
        result = result.astype(numpy_dtype(dtype))
    return TensorHandle(result, dtype)


def unary_op(self: Any, arg: TensorHandle, op: Operation) -> TensorHandle:
    """Applies `op` to the values and rounds once to the type of `arg`."""
    dtype = arg.dtype.scalar
    if dtype.name in SOFT:
        return TensorHandle(narrow(op(widen(arg)), dtype), dtype)
    return TensorHandle(op(arg.data), dtype)


def cast_impl(self: Any, src: TensorHandle, dst_type: tl.dtype) -> TensorHandle:
    """Converts between any two scalar types, to nearest even."""
    return _convert(src, dst_type.scalar, toward_zero=False)


def create_fp_to_fp(self: Any, src: TensorHandle, dst_type: tl.dtype, rounding_mode: Any) -> TensorHandle:
    """Converts between floating types, with a rounding mode."""
    return _convert(src, dst_type.scalar, toward_zero=rounding_mode == _ROUNDING.RTZ)


def _convert(src: TensorHandle, target: tl.dtype, *, toward_zero: bool) -> TensorHandle:
    values = widen(src)
    if not target.is_floating():
        kind = numpy_dtype(target)
        data = to_integer(values, kind) if values.dtype.kind == "f" and kind != np.bool_ else values.astype(kind)
    elif values.dtype.kind == "f":
        data = narrow(values, target, toward_zero=toward_zero)
    elif target.name in ("fp32", "fp64"):
        data = values.astype(numpy_dtype(target))
    else:
        data = narrow(values.astype(np.float64), target)
    return TensorHandle(data, target)


def get_bf16(self: Any, value: float) -> TensorHandle:
    """Makes a bfloat16 constant."""
    return TensorHandle(narrow(np.array([value], dtype=np.float64), tl.bfloat16), tl.bfloat16)


def create_fma(self: Any, x: TensorHandle, y: TensorHandle, z: TensorHandle) -> TensorHandle:
    """x·y + z, rounded once."""
    dtype = z.dtype.scalar
    if dtype.is_fp64():
        fused = getattr(stock._interpreter, "fma_fp64", None)
        arrays = np.broadcast_arrays(x.data, y.data, z.data)
        return TensorHandle(fused(*arrays) if fused else arrays[0] * arrays[1] + arrays[2], dtype)
    product = widen(x).astype(np.float64) * widen(y).astype(np.float64)  # exact: at most 48 bits
    return TensorHandle(narrow(_add_to_odd(product, widen(z).astype(np.float64)), dtype), dtype)


def create_fmul(self: Any, lhs: TensorHandle, rhs: TensorHandle) -> TensorHandle:
    """x·y; where GPUs' compilers contract, the product remembers its factors for the addition that may follow."""
    result: TensorHandle = self.binary_op(lhs, rhs, np.multiply)
    if noise.contracts() and lhs.dtype.scalar.is_fp32():
        result.attr[_FACTORS] = (lhs, rhs)
    return result


def create_fadd(self: Any, lhs: TensorHandle, rhs: TensorHandle) -> TensorHandle:
    """x + y; a product of float32 is added without being rounded where GPUs' compilers contract."""
    for product, other in ((lhs, rhs), (rhs, lhs)):
        if _FACTORS in product.attr:
            left, right = product.attr[_FACTORS]
            return create_fma(self, left, right, other)
    total: TensorHandle = self.binary_op(lhs, rhs, np.add)
    return total


def create_fsub(self: Any, lhs: TensorHandle, rhs: TensorHandle) -> TensorHandle:
    """x − y, likewise."""
    if _FACTORS in lhs.attr:
        left, right = lhs.attr[_FACTORS]
        return create_fma(self, left, right, self.unary_op(rhs, np.negative))
    if _FACTORS in rhs.attr:
        left, right = rhs.attr[_FACTORS]
        return create_fma(self, self.unary_op(left, np.negative), right, lhs)
    difference: TensorHandle = self.binary_op(lhs, rhs, np.subtract)
    return difference


def _add_to_odd(left: Array, right: Array) -> Array:
    """left + right rounded to odd (two-sum), so that the rounding that follows is the only one."""
    total = left + right
    virtual = total - left
    error = (left - (total - virtual)) + (right - virtual)
    nudge = np.isfinite(total) & (error != 0) & (total.view(np.int64) & 1 == 0)
    return np.where(nudge, np.nextafter(total, np.where(error > 0, np.inf, -np.inf)), total)


def create_clampf(
    self: Any, arg: TensorHandle, lo: TensorHandle, hi: TensorHandle, propagate_nans: Any
) -> TensorHandle:
    """min(max(arg, lo), hi); a NaN of `arg` becomes `lo` unless it is to propagate."""
    result = self.binary_op(self.binary_op(arg, lo, maximum_number), hi, minimum_number)
    if propagate_nans == stock._ir.PROPAGATE_NAN.NONE:
        return result
    nan = np.isnan(widen(arg))
    return TensorHandle(np.where(nan, arg.data, result.data), arg.dtype.scalar)


def maximum_number(left: Array, right: Array) -> Array:
    """The larger, and the number where the other is NaN; +0 is larger than −0."""
    return _positive_zero(np.fmax(left, right), left, right)


def minimum_number(left: Array, right: Array) -> Array:
    """The smaller, and the number where the other is NaN; −0 is smaller than +0."""
    return -maximum_number(-left, -right)


def maximum_or_nan(left: Array, right: Array) -> Array:
    """The larger, NaN where either is; +0 is larger than −0."""
    return _positive_zero(np.maximum(left, right), left, right)


def minimum_or_nan(left: Array, right: Array) -> Array:
    """The smaller, NaN where either is; −0 is smaller than +0."""
    return -maximum_or_nan(-left, -right)


def _positive_zero(result: Array, left: Array, right: Array) -> Array:
    zero = result == 0
    return np.where(zero & (left == right), left + right, result) if zero.any() else result


def erf(values: Array) -> Array:
    """The error function, through torch: numpy has none, and a Python loop costs 100 ns an element."""
    result: Array = torch.special.erf(torch.from_numpy(np.ascontiguousarray(values))).numpy()
    return result


def reciprocal_root(values: Array) -> Array:
    """1/√x."""
    return 1.0 / np.sqrt(values)


def _by_binary(op: Operation) -> Callable[..., TensorHandle]:
    return lambda self, lhs, rhs: self.binary_op(lhs, rhs, op)


def in_double(op: Operation) -> Operation:
    """Computes `op` of float32 in float64 and rounds the result."""
    return lambda values: op(values.astype(np.float64)).astype(values.dtype)


def _by_unary(op: Operation) -> Callable[..., TensorHandle]:
    precise = in_double(op)
    return lambda self, arg: noise.approximate(self.unary_op(arg, precise))


REPAIRS: Final[dict[str, Callable[..., TensorHandle]]] = {
    "binary_op": binary_op,
    "unary_op": unary_op,
    "cast_impl": cast_impl,
    "create_fp_to_fp": create_fp_to_fp,
    "get_bf16": get_bf16,
    "create_fma": create_fma,
    "create_fmul": create_fmul,
    "create_fadd": create_fadd,
    "create_fsub": create_fsub,
    "create_clampf": create_clampf,
    "create_fneg": lambda self, input: self.unary_op(input, np.negative),
    "create_maxnumf": _by_binary(maximum_number),
    "create_minnumf": _by_binary(minimum_number),
    "create_maximumf": _by_binary(maximum_or_nan),
    "create_minimumf": _by_binary(minimum_or_nan),
    "create_exp": _by_unary(np.exp),
    "create_exp2": _by_unary(np.exp2),
    "create_log": _by_unary(np.log),
    "create_log2": _by_unary(np.log2),
    "create_sin": _by_unary(np.sin),
    "create_cos": _by_unary(np.cos),
    "create_erf": _by_unary(erf),
    "create_rsqrt": _by_unary(reciprocal_root),
    "create_sqrt": lambda self, arg: noise.approximate(self.unary_op(arg, np.sqrt), ulps=1),
}

"""Number formats that numpy does not have, bit for bit as the GPU converts them.

bfloat16 and the 8-bit floats are kept as their bit patterns (that is how the interpreter stores them). `widen` gives
their exact float32 values; `narrow` rounds once, to nearest even, from float32 or float64. Checked on an H100:

- float32 → float8 is `cvt.rn.satfinite`: what is too large, Inf included, becomes the largest finite value, every NaN
  becomes 0x7F. (PyTorch differs: e4m3 overflows to NaN, e5m2 to Inf.)
- float64 → bfloat16 and int32 → bfloat16 round once (PyTorch rounds twice, through float32).
- float → integer truncates and saturates; NaN gives 0 from float32 to at most 32 bits, else the sign bit alone. 8-bit
  targets keep the low byte of the saturated 16-bit result.
- tf32 operands lose their low 13 bits: the tensor core truncates them, it does not round.

Not here: float8e4b15 (no hardware has it); asking for it says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

from runners.inside.interpreter.blame import InterpreterCannot

Array = npt.NDArray[Any]

BFLOAT16: Final = "bf16"
_DECODE: Final = torch.arange(256, dtype=torch.uint8)


@dataclass(frozen=True, slots=True)
class _Float8:
    values: Array
    magnitudes: Array
    midpoints: Array
    nan: int
    signed_zero: bool


def _float8(dtype: torch.dtype, nan: int) -> _Float8:
    values = _DECODE.view(dtype).to(torch.float32).numpy()
    magnitudes = values[:128][np.isfinite(values[:128])].astype(np.float64)
    return _Float8(values, magnitudes, (magnitudes[1:] + magnitudes[:-1]) / 2, nan, signed_zero=nan != 0x80)


_FLOAT8: Final = {
    "fp8e4nv": _float8(torch.float8_e4m3fn, 0x7F),
    "fp8e5": _float8(torch.float8_e5m2, 0x7F),
    "fp8e4b8": _float8(torch.float8_e4m3fnuz, 0x80),
    "fp8e5b16": _float8(torch.float8_e5m2fnuz, 0x80),
}
SOFT: Final = frozenset({BFLOAT16, "fp8e4b15", *_FLOAT8})

_NUMPY: Final = {
    "int1": np.dtype(bool),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
    "int16": np.dtype(np.int16),
    "uint16": np.dtype(np.uint16),
    "int32": np.dtype(np.int32),
    "uint32": np.dtype(np.uint32),
    "int64": np.dtype(np.int64),
    "uint64": np.dtype(np.uint64),
    "fp16": np.dtype(np.float16),
    "fp32": np.dtype(np.float32),
    "fp64": np.dtype(np.float64),
    BFLOAT16: np.dtype(np.uint16),
    **{name: np.dtype(np.uint8) for name in SOFT - {BFLOAT16}},
}
_POINTER: Final = np.dtype(np.uint64)


def numpy_dtype(dtype: tl.dtype) -> np.dtype[Any]:
    """Returns the numpy type that stores `dtype`; replaces a function that built its table on every call."""
    scalar = dtype.scalar
    return _POINTER if isinstance(scalar, tl.pointer_type) else _NUMPY[scalar.name]


def widen(handle: TensorHandle) -> Array:
    """Returns the values of `handle`: float32 for the formats that numpy lacks, else its own data."""
    name = handle.dtype.scalar.name
    data: Array = handle.data
    if name == BFLOAT16 and data.dtype == np.uint16:
        return (data.astype(np.uint32) << 16).view(np.float32)
    if name in SOFT and data.dtype == np.uint8:
        return _float8_of(name).values[data]
    return data


def narrow(values: Array, dtype: tl.dtype, *, toward_zero: bool = False) -> Array:
    """Rounds float32 or float64 `values` to `dtype` (a floating type), once."""
    name = dtype.scalar.name
    if name == BFLOAT16:
        return _to_bfloat16(values, toward_zero)
    if name in SOFT:
        return _to_float8(values, _float8_of(name), toward_zero)
    target = _NUMPY[name]
    near = values.astype(target)
    if toward_zero:
        over = np.abs(near.astype(np.float64)) > np.abs(values.astype(np.float64))
        near = np.where(over, np.nextafter(near, target.type(0)), near)
    return near


def to_integer(values: Array, target: np.dtype[Any]) -> Array:
    """Converts floats to integers as `cvt.rzi` does: towards zero, saturating."""
    wide = {1: np.dtype(f"{target.kind}2")}.get(target.itemsize, target)
    info = np.iinfo(wide)
    whole = np.trunc(values.astype(np.float64))
    with np.errstate(invalid="ignore"):
        result = np.where(np.abs(whole) < 2.0**63, whole, 0.0).astype(np.int64).astype(wide)
    if wide == np.uint64:
        above = (whole >= 2.0**63) & (whole < 2.0**64)
        result = np.where(
            above, (np.where(above, whole, 2.0**63) - 2.0**63).astype(np.uint64) + np.uint64(1 << 63), result
        )
    result = np.where(whole >= float(info.max), wide.type(info.max), result)
    result = np.where(whole <= float(info.min), wide.type(info.min), result)
    sign_bit = wide.itemsize == 8 or values.dtype == np.float64
    nan = (1 << (8 * wide.itemsize - 1)) if sign_bit else 0
    result = np.where(np.isnan(whole), np.array(nan, np.uint64).astype(wide), result)
    return result.astype(target)


def truncate_to_bits(values: Array, bits: int) -> Array:
    """Cuts float64 `values` toward zero to float32 values of `bits` significant bits, at most 24."""
    fraction, exponent = np.frexp(values)
    cut: Array = np.ldexp(np.trunc(np.ldexp(fraction, bits)), exponent - bits).astype(np.float32)
    return cut


def truncate_to_tf32(values: Array) -> Array:
    """Returns float32 `values` as a tensor core reads them when asked for tf32; Inf and NaN stay."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    kept = np.where(np.isfinite(values), bits & np.uint32(0xFFFFE000), bits)
    return kept.view(np.float32)


def round_to_odd(values: Array) -> Array:
    """Rounds float64 to float32 so that rounding the result again, to half the bits, is rounding once."""
    near = values.astype(np.float32)
    inexact = (near != values) & ~np.isnan(values)
    if not inexact.any():
        return near
    outward = inexact & (np.abs(near.astype(np.float64)) > np.abs(values))
    bits: Array = (near.view(np.uint32) - outward) | inexact
    return bits.astype(np.uint32).view(np.float32)


def _to_bfloat16(values: Array, toward_zero: bool) -> Array:
    single = round_to_odd(values) if values.dtype == np.float64 else values.astype(np.float32, copy=False)
    bits = np.ascontiguousarray(single).view(np.uint32).reshape(values.shape)
    high = (bits >> 16).astype(np.uint16)
    nan = np.isnan(single)
    rounded = high if toward_zero else ((bits + (np.uint32(0x7FFF) + (high & 1))) >> 16).astype(np.uint16)
    return np.where(nan, high | np.uint16(0x40), rounded) if nan.any() else rounded


def _to_float8(values: Array, kind: _Float8, toward_zero: bool) -> Array:
    size = np.abs(values)
    if toward_zero:
        code = np.maximum(np.searchsorted(kind.magnitudes, size, side="right") - 1, 0)
    else:
        low = np.searchsorted(kind.midpoints, size, side="left")
        high = np.searchsorted(kind.midpoints, size, side="right")
        code = np.where(low % 2 == 0, low, high)
    negative = np.signbit(values) & (kind.signed_zero | (code != 0))
    code = np.where(np.isnan(values), kind.nan, np.minimum(code, len(kind.magnitudes) - 1) | (negative * 0x80))
    return code.astype(np.uint8)


def _float8_of(name: str) -> _Float8:
    if name not in _FLOAT8:
        raise InterpreterCannot(f"the number format {name} is not modelled")
    return _FLOAT8[name]

"""Stand-ins for libdevice, by symbol, computed in float64 and rounded once.

Triton's own definitions are kept: they check argument types, broadcast, and name a symbol of the library; only the
symbol is computed here. So a type that the compiler refuses is refused here. `triton.language.extra.libdevice` is a
module of empty functions that the compiler maps to the CUDA one; both get the same callables. What is not covered
(Bessel functions, directed rounding, bit tricks) says so by name.

The `fast_` variants are computed like their precise siblings: nothing may depend on their error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
import triton.language as tl
import triton.runtime.interpreter as stock
from triton.language.extra import libdevice as generic
from triton.language.extra.cuda import libdevice as cuda
from triton.runtime.interpreter import TensorHandle

from runners.inside.interpreter import noise
from runners.inside.interpreter.arithmetic import erf, reciprocal_root
from runners.inside.interpreter.blame import InterpreterCannot
from runners.inside.interpreter.formats import Array, narrow, numpy_dtype, to_integer
from runners.inside.interpreter.language import LANGUAGE

Operation = Callable[..., Any]


def _torch(function: Callable[[torch.Tensor], torch.Tensor]) -> Operation:
    return lambda values: function(torch.from_numpy(np.ascontiguousarray(values))).numpy()


def _round_half_away(values: Array) -> Array:
    # values + 0.5 would round 0.49999999999999994 up
    whole = np.trunc(values)
    return np.where(np.abs(values - whole) >= 0.5, whole + np.copysign(1.0, values), whole)


def _pi_times(function: Operation) -> Operation:
    return lambda values: function(np.pi * np.remainder(values, 2.0))


def _ieee_remainder(left: Array, right: Array) -> Array:
    rest = np.fmod(left, right)
    half = np.abs(right) / 2
    size = np.abs(rest)
    odd = np.fmod(np.trunc(left / right), 2.0) != 0
    over = (size > half) | ((size == half) & odd)
    return np.where(over, rest - np.copysign(np.abs(right), rest), rest)


_UNARY: Final[dict[str, Operation]] = {
    "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinpi": _pi_times(np.sin), "cospi": _pi_times(np.cos),
    "exp": np.exp, "exp2": np.exp2, "exp10": lambda v: np.power(10.0, v), "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "logb": lambda v: np.frexp(v)[1] - 1.0,
    "sqrt": np.sqrt, "rsqrt": reciprocal_root, "cbrt": np.cbrt, "rcbrt": lambda v: 1.0 / np.cbrt(v),
    "erf": erf, "erfc": _torch(torch.special.erfc), "erfcx": _torch(torch.special.erfcx),
    "erfinv": _torch(torch.special.erfinv), "normcdf": _torch(torch.special.ndtr),
    "normcdfinv": _torch(torch.special.ndtri), "lgamma": _torch(torch.lgamma),
    "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint, "nearbyint": np.rint,
    "round": _round_half_away, "fabs": np.abs,
}  # fmt: skip
_BINARY: Final[dict[str, Operation]] = {
    "pow": np.power, "powi": np.power, "atan2": np.arctan2, "fmod": np.fmod, "remainder": _ieee_remainder,
    "hypot": np.hypot, "rhypot": lambda a, b: 1.0 / np.hypot(a, b), "copysign": np.copysign,
    "fdim": lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, np.where(a > b, a - b, 0.0)),
    "ldexp": lambda v, e: v * np.exp2(e), "scalbn": lambda v, e: v * np.exp2(e),
}  # fmt: skip
_ROUNDED: Final[dict[str, Operation]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "sqrt": np.sqrt, "rcp": np.reciprocal,
    "rsqrt": reciprocal_root,
}  # fmt: skip
# Symbols that do not come as a pair of NAME (float64) and NAMEf (float32).
_IRREGULAR: Final[dict[str, Operation]] = {
    **{f"fast_{name}f": _UNARY[name] for name in ("sin", "cos", "tan", "exp", "exp10", "log", "log2", "log10")},
    "fast_powf": np.power, "fast_fdividef": np.divide, "saturatef": lambda v: np.fmin(np.fmax(v, 0.0), 1.0),
    **{f"{prefix}{name}_rn": operation for prefix in "fd" for name, operation in _ROUNDED.items()},
    "isnanf": np.isnan, "isnand": np.isnan, "isinff": np.isinf, "isinfd": np.isinf,
    "finitef": np.isfinite, "isfinited": np.isfinite, "signbitf": np.signbit, "signbitd": np.signbit,
    "llrint": np.rint, "llrintf": np.rint, "llround": _round_half_away, "llroundf": _round_half_away,
}  # fmt: skip
_APPROXIMATE: Final = (
    _UNARY.keys() - {"floor", "ceil", "trunc", "rint", "nearbyint", "round", "fabs", "logb", "sqrt"}
    | {"pow", "powi", "atan2", "hypot", "rhypot"}
    | {name.removesuffix("f") for name in _IRREGULAR if name.startswith("fast_")}
)
_EXACT: Final[dict[str, Operation]] = {
    "abs": np.abs, "llabs": np.abs, "nextafter": np.nextafter, "nextafterf": np.nextafter,
}  # fmt: skip
_FUSED: Final = frozenset({"fma", "fmaf", "fma_rn", "fmaf_rn"})
_CONVERSION: Final = re.compile(r"(float|double)2(int|uint|ll|ull)_(rn|rz|rd|ru)")
_WIDENING: Final = re.compile(r"(int|uint|ll|ull)2(float|double)_rn|double2float_rn")
_REINTERPRETATION: Final = re.compile(r"\w+_as_\w+")
_TO_WHOLE: Final[dict[str, Operation]] = {"rn": np.rint, "rz": np.trunc, "rd": np.floor, "ru": np.ceil}


def create_extern_elementwise(
    self: Any, library: str, path: str, symbol: str, arguments: list[TensorHandle], ret_type: tl.dtype, pure: bool
) -> TensorHandle:
    """Computes libdevice's `symbol` element by element.

    Raises:
        InterpreterCannot: it is not covered.
    """
    name = symbol.removeprefix("__nv_")
    target = ret_type.scalar
    if name in _FUSED:
        return TensorHandle(self.create_fma(*arguments).data, target)
    return TensorHandle(_compute(name, [argument.data for argument in arguments], target), target)


def _compute(name: str, data: list[Array], target: tl.dtype) -> Array:
    kind = numpy_dtype(target)
    if name in _EXACT:
        return np.asarray(_EXACT[name](*data))
    if _REINTERPRETATION.fullmatch(name):
        return np.ascontiguousarray(data[0]).view(kind)
    if _WIDENING.fullmatch(name):
        return data[0].astype(kind)
    if conversion := _CONVERSION.fullmatch(name):
        return to_integer(_TO_WHOLE[conversion[3]](data[0]), kind)
    result = np.asarray(_operation(name)(*(values.astype(np.float64) for values in data)))
    if kind.kind in "iub":
        return to_integer(result, kind) if result.dtype.kind == "f" else result.astype(kind)
    rounded = narrow(result, target)
    return noise.off_by(rounded, 2) if name.removesuffix("f") in _APPROXIMATE else rounded


def _operation(name: str) -> Operation:
    base = name.removesuffix("f")
    for table, key in ((_IRREGULAR, name), (_UNARY, name), (_UNARY, base), (_BINARY, name), (_BINARY, base)):
        if key in table:
            return table[key]
    raise InterpreterCannot(f"the libdevice function {name} is not covered")


def install_modules() -> None:
    """Puts working functions into the libdevice modules."""
    for name, function in list(vars(cuda).items()):
        if tl.core.is_builtin(function):
            stand_in = _stand_in(function)
            setattr(cuda, name, stand_in)
            setattr(generic, name, stand_in)


def _stand_in(function: Any) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        if LANGUAGE.active:
            named["_semantic"] = stock.interpreter_semantic
        return function(*args, **named)

    return call


REPAIRS: Final[dict[str, Callable[..., TensorHandle]]] = {"create_extern_elementwise": create_extern_elementwise}

"""Integer operations that have no result on a GPU have none here: nothing that depends on one can be right by accident.

Stock, numpy decides: x // 0 and x % 0 are 0, the smallest number divided by −1 wraps around, and what is shifted by its
width or more is 0. LLVM leaves all of these undefined; what comes out depends on what the compiler made of the code
around (hardware divides by a routine that gives all ones, clamps shifts, and folds what it knows at compile time).

No fault is reported, since right kernels divide by 0 in lanes that they mask off. Such a lane holds all ones, and under
`undefined_lanes` a third of the largest integer, as a masked-off lane of a load does. So a kernel that uses one differs
between the runs of a case, or leaves its buffers. A one-bit integer has two values only and holds True in both.

`//` and `%` of signed integers truncate toward zero as compiled ones do: stock does that, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.formats import SOFT, Array, narrow, numpy_dtype

Operation = Callable[[Any, TensorHandle, TensorHandle], TensorHandle]


def undefined(dtype: tl.dtype) -> Any:
    """Returns the value, or bit pattern, that stands for an undefined lane."""
    kind = numpy_dtype(dtype)
    if dtype.name in SOFT:
        return narrow(np.array([np.nan], dtype=np.float32), dtype)[0]
    if kind.kind == "f":
        return np.nan
    return True if kind.kind == "b" else np.iinfo(kind).max // 3


def _result(dtype: tl.dtype) -> Any:
    """What an integer operation without a result gives in the current run."""
    kind = numpy_dtype(dtype)
    if kind.kind == "b" or CURRENT.run.conditions.undefined_lanes:
        return undefined(dtype)
    return np.iinfo(kind).max if kind.kind == "u" else -1


def _has_no_quotient(left: TensorHandle, right: TensorHandle) -> Array:
    """Divided by 0, or the smallest number by −1, whose quotient is out of range; the remainder is made from it."""
    numerator, divisor = left.data, right.data
    wrong: Array = divisor == 0
    if divisor.dtype.kind == "i":
        wrong = wrong | ((divisor == -1) & (numerator == np.iinfo(numerator.dtype).min))
    return wrong


def _is_shifted_out(left: TensorHandle, right: TensorHandle) -> Array:
    """By the width or more; an amount has no sign, so that a negative one is far more."""
    amount = right.data
    wrong: Array = amount >= left.dtype.scalar.primitive_bitwidth
    return wrong | (amount < 0) if amount.dtype.kind == "i" else wrong


def _where_defined(operation: Operation, lacks_result: Callable[[TensorHandle, TensorHandle], Array]) -> Operation:
    def operate(self: Any, lhs: TensorHandle, rhs: TensorHandle) -> TensorHandle:
        computed = operation(self, lhs, rhs)
        wrong = lacks_result(lhs, rhs)
        if not wrong.any():
            return computed
        dtype = lhs.dtype.scalar
        data = np.where(wrong, _result(dtype), computed.data).astype(numpy_dtype(dtype))
        return TensorHandle(data, dtype)

    return operate


_DIVISIONS: Final = ("create_sdiv", "create_udiv", "create_srem", "create_urem")
_SHIFTS: Final = ("create_shl", "create_lshr", "create_ashr")
REPAIRS: Final[dict[str, Operation]] = {
    **{name: _where_defined(getattr(InterpreterBuilder, name), _has_no_quotient) for name in _DIVISIONS},
    **{name: _where_defined(getattr(InterpreterBuilder, name), _is_shifted_out) for name in _SHIFTS},
}

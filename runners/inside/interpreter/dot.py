"""Matrix products as a tensor core computes them.

- float32 operands are truncated to tf32 unless `input_precision="ieee"`; that is also the default of `tl.dot` on
  NVIDIA, so a kernel that does not ask for "ieee" gets tf32 here as it does there. "tf32x3", "bf16x3" and "bf16x6"
  split each operand into parts and add the larger products.
- float16 accumulators are rounded after every step of 16 along K, which is what one `mma` does.
- int8 products are exact and wrap at 32 bits. bfloat16 operands are widened exactly.
- Equal rows and columns give equal bits wherever they lie in a block, as in `mma`: a block whose rows wrap around
  stores an element twice, and the race monitor must not see two values there.
- float8 products that Triton gives to Hopper's `wgmma` as they are keep 14 bits of each sum; others are widened.

Not modelled: the same on Ada, whose `mma.sync` takes float8 tiles of any size, and `tl.dot_scaled`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import triton.language as tl
import triton.runtime.interpreter as stock
from triton.runtime.interpreter import TensorHandle

from runners.inside.interpreter import noise
from runners.inside.interpreter.blame import InterpreterCannot
from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.formats import Array, narrow, truncate_to_bits, truncate_to_tf32, widen
from runners.inside.interpreter.product import in_one_order

PRECISIONS: Final = ("tf32", "tf32x3", "ieee", "bf16x3", "bf16x6")
# What Triton puts in for sm_90 where a kernel says nothing (CUDABackend.parse_options): all sums stay in wgmma.
IMPRECISE_BY_DEFAULT: Final = 1 << 30
_MMA_K: Final = 16
_WGMMA_K: Final = 32
_WGMMA_FLOAT8_BITS: Final = 14
_WGMMA_FLOAT8: Final = frozenset({"fp8e4nv", "fp8e5"})
_PRECISION = stock._ir.INPUT_PRECISION


def create_dot(
    self: Any, a: TensorHandle, b: TensorHandle, d: TensorHandle, input_precision: Any, max_num_imprecise_acc: Any
) -> TensorHandle:
    """a @ b + d in the type of `d`."""
    dtype = d.dtype.scalar
    left, right = widen(a), widen(b)
    if left.dtype.kind in "iu":
        # exact: a product has 16 bits, and float64 has a fast matrix product where integers have none
        exact = np.matmul(left.astype(np.float64), right.astype(np.float64)).astype(np.int64)
        return TensorHandle((exact + d.data).astype(np.int32), dtype)
    if dtype.is_fp16():
        return TensorHandle(_half_accumulator(left, right, d.data), dtype)
    if dtype.is_fp64():
        return TensorHandle(in_one_order(left, right) + d.data, dtype)
    if _keeps_14_bits(a, b, max_num_imprecise_acc):
        return TensorHandle(_float8_product(left, right, d.data, max_num_imprecise_acc), dtype)
    if noise.active() and not a.dtype.scalar.is_fp32():
        return TensorHandle(noise.multiply_add(left, right, d.data, truncating=True), dtype)
    if a.dtype.scalar.is_fp32():
        return TensorHandle(_float32_product(left, right, input_precision) + d.data, dtype)
    return TensorHandle(_product(left, right) + d.data, dtype)


def create_dot_scaled(self: Any, *arguments: Any, **named: Any) -> TensorHandle:
    """Refused: the block-scaled formats are not modelled."""
    raise InterpreterCannot("tl.dot_scaled is not modelled")


def _product(left: Array, right: Array, *, tensor_cores: bool = False) -> Array:
    if noise.active():
        return noise.multiply_add(left, right, np.zeros((), np.float32), truncating=tensor_cores)
    return in_one_order(left.astype(np.float32, copy=False), right.astype(np.float32, copy=False))


def _keeps_14_bits(a: TensorHandle, b: TensorHandle, imprecise: int) -> bool:
    """Whether sm_90 multiplies these by wgmma of float8; all else is widened to float16 first, which is exact.

    The conditions are those of Triton's `supportMMA` (lib/Analysis/Utility.cpp; in Python, `tl_dot_mmav3_supported` of
    triton/tools/triton_to_gluon_translator/hopper_helpers.py). As compiled by triton 3.9: 64 × 64 × 64 by 4 warps is
    QGMMA.64x64x32.F32.E4M3.E4M3; of 32 × 32 × 32, by 2 warps, or with max_num_imprecise_acc=0 it is HMMA of float16.
    """
    rows, length = a.data.shape[-2:]
    return (
        {a.dtype.scalar.name, b.dtype.scalar.name} <= _WGMMA_FLOAT8
        and imprecise >= _WGMMA_K
        and a.data.ndim == 2
        and (rows % 64, b.data.shape[-1] % 8, CURRENT.run.warps % 4) == (0, 0, 0)
        and length >= _WGMMA_K
    )


def _float8_product(left: Array, right: Array, start: Array, imprecise: int) -> Array:
    """left @ right + start by wgmma of float8.

    One instruction adds 32 products to the sums so far and keeps 14 bits (DeepSeek-V3's report, arXiv 2412.19437,
    3.3.2 and 3.5.2, on H800). It also cuts each product where the largest one has its last bit; that is left out here,
    so a GPU errs more: on 4,096 terms of one sign by some 280 times the oracle's bound (measured, H200), here by 36.
    Where K is long enough, Triton adds every `imprecise` products up from zero, and those sums in float32 (WGMMA.cpp,
    needsPartialAccumulator).
    """
    partly = imprecise <= left.shape[-1]
    total, sums, added = np.asarray(start), np.zeros_like(start) if partly else start, 0
    for first in range(0, left.shape[-1], _WGMMA_K):
        part = slice(first, first + _WGMMA_K)
        exact = in_one_order(left[:, part].astype(np.float64), right[part].astype(np.float64)) + sums
        sums = truncate_to_bits(exact, _WGMMA_FLOAT8_BITS)
        added += _WGMMA_K
        if partly and added >= imprecise:
            total, sums, added = total + sums, np.zeros_like(start), 0
    return total + sums if partly else sums


def _half_accumulator(left: Array, right: Array, start: Array) -> Array:
    total = start
    for first in range(0, left.shape[-1], _MMA_K):
        step = slice(first, first + _MMA_K)
        total = (total + _product(left[..., step], right[..., step, :])).astype(np.float16)
    return total


def _float32_product(left: Array, right: Array, precision: Any) -> Array:
    if precision == _PRECISION.IEEE:
        return _product(left, right)
    if precision == _PRECISION.TF32:
        return _product(truncate_to_tf32(left), truncate_to_tf32(right), tensor_cores=True)
    split, parts = _SPLITS[precision]
    lefts, rights = _split(left, split, parts), _split(right, split, parts)
    pairs = [(lefts[i], rights[j]) for i in range(parts) for j in range(parts) if i + j < parts]
    products = [_product(*pair, tensor_cores=True) for pair in pairs]
    return np.asarray(np.sum(products[::-1], axis=0, dtype=np.float32))


def _split(values: Array, split: Callable[[Array], Array], parts: int) -> list[Array]:
    pieces = []
    for _ in range(parts):
        piece = split(values)
        pieces.append(piece)
        values = np.where(np.isfinite(piece), values - piece, np.float32(0))
    return pieces


def _to_bfloat16_value(values: Array) -> Array:
    return widen(TensorHandle(narrow(values, tl.bfloat16), tl.bfloat16))


_SPLITS: Final = {
    _PRECISION.TF32x3: (truncate_to_tf32, 2),
    _PRECISION.BF16x3: (_to_bfloat16_value, 2),
    _PRECISION.BF16x6: (_to_bfloat16_value, 3),
}
REPAIRS: Final[dict[str, Callable[..., TensorHandle]]] = {
    "create_dot": create_dot,
    "create_dot_scaled": create_dot_scaled,
}

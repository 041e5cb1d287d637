"""How much a float32 computation of a reference may err, measured: Monte-Carlo arithmetic.

The reference runs in float64 while the result of every rounding operation gets an error of ±4 units of 2⁻²⁴ relative to
it (a sum or a product of matrices: √n of them relative to its absolute terms; Higham & Mary 2019), with random signs.
The spread of eight such runs bounds what an honest float32 computation in another order may show. Used where an
operator declares no condition term. An operation that torch fuses (softmax, layer_norm) is taken apart first, because
its inside rounds, too; one that is neither known to be exact nor a sum gets the error of one rounding.

Sources: Parker, Monte Carlo Arithmetic (1997); Denis, Castro, Petit, Verificarlo (2016).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from runners.operators.model import Outputs

UNIT: Final = 2.0**-24
RUNS: Final = 8
ROUNDINGS: Final = 4.0
_EXACT: Final = frozenset(
    {"view", "_unsafe_view", "reshape", "expand", "t", "transpose", "permute", "slice", "select", "cat", "stack"}
    | {"split", "unbind", "clone", "neg", "abs", "amax", "amin", "max", "min", "maximum", "minimum", "where", "index"}
    | {"gather", "index_select", "relu", "clamp", "_to_copy", "detach", "alias", "unsqueeze", "squeeze", "as_strided"}
    | {"copy_", "fill", "flip", "roll", "sort", "topk", "sign", "round", "floor", "ceil", "zeros_like", "ones_like"}
    | {"full_like", "empty_like", "masked_fill", "constant_pad_nd", "tril", "triu", "embedding", "im2col", "unfold"}
    | {"lift_fresh", "repeat", "nan_to_num", "repeat_interleave", "lt", "le", "gt", "ge", "eq", "ne", "isnan", "isinf"}
    | {"logical_and", "logical_or", "logical_not"}
)
_FUSED: Final = ("_softmax", "_log_softmax", "native_layer_norm", "native_group_norm", "gelu", "elu", "silu")
_PRODUCTS: Final = frozenset({"mm", "bmm", "convolution"})
_SUMS: Final = frozenset({"sum", "mean", "cumsum"})


class _Rounding(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch left its hook untyped
    """While active, every float64 result that a float32 computation would round carries an error of a random sign."""

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # same
        self._signs = torch.Generator().manual_seed(seed & 0x7FFFFFFF)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        name = func.overloadpacket.__name__
        if name not in _EXACT | _PRODUCTS | _SUMS:
            with self:  # the parts of a fused operation round, too
                apart = taken_apart(func, args, named)
            if apart is not NotImplemented:
                return apart
        result = func(*args, **named)
        if name in _EXACT or not isinstance(result, torch.Tensor) or not result.is_floating_point():
            return result
        error = self._error(func, name, args, named, result)
        return result.add_(error) if name.endswith("_") else result + error

    def _error(self, func: Any, name: str, args: Any, named: dict[str, Any], result: torch.Tensor) -> torch.Tensor:
        if name in _PRODUCTS:
            size = func(args[0].abs(), args[1].abs(), *args[2:], **named)
            terms = args[1][0].numel() if name == "convolution" else args[0].shape[-1]
        elif name in _SUMS:
            size, terms = func(args[0].abs(), *args[1:], **named), _terms(name, args, result)
        else:
            size, terms = result.abs(), 1
        roundings = ROUNDINGS if terms == 1 else 2 * math.sqrt(terms) + 2
        signs = torch.randint(0, 2, result.shape, generator=self._signs, dtype=torch.int8).double() * 2 - 1
        error: torch.Tensor = signs * roundings * UNIT * size.nan_to_num(nan=0.0, posinf=0.0)
        return error


def _terms(name: str, args: Any, result: torch.Tensor) -> int:
    if name == "cumsum":
        return max(1, args[0].shape[args[1]] if args[0].dim() else 1)
    return max(1, int(args[0].numel() // max(1, result.numel())))


def taken_apart(func: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Returns the result of the parts of `func`, or NotImplemented where it has none."""
    decomposition = _decompositions().get(func)
    if decomposition is not None:
        return decomposition(*args, **named)
    return func.decompose(*args, **named) if hasattr(func, "decompose") else NotImplemented


@functools.cache
def _decompositions() -> dict[Any, Callable[..., Any]]:
    from torch._decomp import core_aten_decompositions, get_decompositions  # only operators without a term need it

    fused = [getattr(torch.ops.aten, name) for name in _FUSED]
    return {**core_aten_decompositions(), **get_decompositions(fused)}


def spread(reference: Callable[[], Outputs], seed: int) -> list[tuple[torch.Tensor, ...]]:
    """Returns the float64 results of `RUNS` runs of `reference`, each with other errors; `seed` decides the signs."""
    runs = []
    for number in range(RUNS):
        with _Rounding(seed + number):
            got = reference()
        runs.append(got if isinstance(got, tuple) else (got,))
    return runs

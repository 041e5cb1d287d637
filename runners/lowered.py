"""A reference run as a careless kernel would run it: every intermediate, sums in the making too, in fewer bits.

While the mode is active, the result of each float operation is rounded to a narrower dtype. Operations that torch fuses
are taken apart first, and sums and products of matrices add term by term, each partial sum rounded: otherwise only
their results would be. What such a run returns is wrong for every operator that rounds once, and close enough to right
that a loose tolerance lets it pass: it is what the test of an operator must reject (`runners.degenerate`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from runners.montecarlo import taken_apart

TF32_BITS: Final = 13  # bits of a float32 mantissa that tf32 lacks
_WHOLE: Final = frozenset({"mm", "bmm", "convolution", "sum", "mean", "cumsum", "addmm", "scatter_add"})
_MOVES: Final = frozenset(
    {"view", "_unsafe_view", "reshape", "expand", "t", "transpose", "permute", "slice", "select", "cat", "stack"}
    | {"split", "unbind", "clone", "copy_", "_to_copy", "index", "gather", "unsqueeze", "squeeze", "alias", "detach"}
    | {"masked_fill", "where", "as_strided", "embedding"}
)


class Lowered(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch left its hook untyped
    """While active, every float result is rounded to `dtype`, inside of sums too."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # same
        self._dtype = dtype

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        name = func.overloadpacket.__name__
        if name in _MOVES:
            return func(*args, **named)
        if name not in _WHOLE:
            with self:
                apart = taken_apart(func, args, named)
            if apart is not NotImplemented:
                return apart
        result = self._added(name, args, named)
        if result is None:
            result = func(*args, **named)
        if not isinstance(result, torch.Tensor) or not result.is_floating_point():
            return result
        low = self._round(result)
        return result.copy_(low) if name.endswith("_") else low

    def _round(self, value: torch.Tensor) -> torch.Tensor:
        return value.to(self._dtype).to(value.dtype)

    def _added(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor | None:
        """A sum, term by term; None for what is none, or not along one axis."""
        match name, args:
            case "mm", (a, b):
                return self._sum(lambda k: a[:, k, None] * b[None, k], a.shape[1])
            case "bmm", (a, b):
                return self._sum(lambda k: a[:, :, k, None] * b[:, None, k], a.shape[2])
            case (("sum" | "mean"), (x, [axis], *rest)) if x.is_floating_point():
                total = self._sum(lambda k: x.select(axis, k), x.shape[axis])
                if total is None:
                    return None
                total = total / x.shape[axis] if name == "mean" else total
                return total.unsqueeze(axis) if (rest and rest[0]) or named.get("keepdim") else total
            case "cumsum", (x, axis) if x.is_floating_point():
                return self._running(x, axis)
            case "scatter_add", (x, 0, index, source) if x.dim() == 1:
                return self._scattered(x, index, source)
        return None

    def _sum(self, term: Callable[[int], torch.Tensor], count: int) -> torch.Tensor | None:
        if count == 0:
            return None
        total = self._round(term(0))
        for k in range(1, count):
            total = self._round(total + self._round(term(k)))
        return total

    def _scattered(self, x: torch.Tensor, index: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        for k in range(index.shape[0]):  # torch's own adds 16-bit numbers in float32
            x = self._round(x.scatter_add(0, index[k : k + 1], source[k : k + 1]))
        return x

    def _running(self, x: torch.Tensor, axis: int) -> torch.Tensor:
        parts = [x.select(axis, 0)] if x.shape[axis] else []
        for k in range(1, x.shape[axis]):
            parts.append(self._round(parts[-1] + x.select(axis, k)))
        return torch.stack(parts, axis) if parts else x.clone()


def to_tf32(value: torch.Tensor) -> torch.Tensor:
    """Returns a float tensor rounded to the ten mantissa bits of tf32; NaN and infinities stay."""
    single = value.float().contiguous()
    bits = single.view(torch.int32)
    half = 1 << (TF32_BITS - 1)
    rounded = ((bits + (half - 1) + ((bits >> TF32_BITS) & 1)) >> TF32_BITS << TF32_BITS).view(torch.float32)
    return torch.where(single.isfinite(), rounded, single).to(value.dtype)

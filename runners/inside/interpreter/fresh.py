"""Memory that the candidate allocates: between guard pages, and filled with a known byte where nobody initialised it.

`empty` and its kin get the fresh byte; tensors that come initialised (`zeros`, `full`, `clone`…) keep their values and
get the guard pages too, since kernels write there. Memory that torch allocates for another operator's result (a matrix
product, say) is left alone: a candidate computes in kernels. The monitor hears of every allocation, and of what torch
writes into memory that came uninitialised.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from runners.inside.interpreter.blame import InterpreterCannot
from runners.inside.interpreter.monitor import Monitor
from runners.inside.memory import Side, guarded

_UNINITIALISED: Final = frozenset(
    {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"}
)
_INITIALISED: Final = frozenset(
    {"zeros", "zeros_like", "new_zeros", "ones", "ones_like", "new_ones", "full", "full_like", "new_full"}
    | {"clone", "_to_copy", "arange", "scalar_tensor", "eye"}
)
_CAP_BYTES: Final = 1 << 31  # filled with the fresh byte, all of it becomes resident


class FreshMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch left its hook untyped
    """While active, new CPU tensors are guarded, and uninitialised ones hold `byte` everywhere."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and torch's guard against it imports torch._dynamo at the first use (1 s)."""
        return False

    def __init__(self, byte: int, side: Side, monitor: Monitor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # same
        self._byte = byte
        self._side = side
        self._monitor = monitor

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in _UNINITIALISED and name not in _INITIALISED:
            if func._schema.is_mutable:
                self._note_written(func, args, kwargs or {})
            return result
        if result.device.type != "cpu" or result.layout != torch.strided or result.numel() == 0:
            return result
        storage_bytes = result.untyped_storage().nbytes()
        if storage_bytes > _CAP_BYTES:
            raise InterpreterCannot(f"an allocation of {storage_bytes >> 20} MiB is too large for this interpreter")
        buffer = guarded(storage_bytes, self._side)
        if name in _UNINITIALISED:
            buffer.fill(self._byte)
        tensor = buffer.view(result.dtype, tuple(result.shape), result.stride())
        self._monitor.add_allocation(tensor, initialised=name in _INITIALISED)
        return tensor if name in _UNINITIALISED else tensor.copy_(result)

    def _note_written(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for number, declared in enumerate(func._schema.arguments):
            if declared.alias_info is not None and declared.alias_info.is_write:
                given = args[number] if number < len(args) else kwargs.get(declared.name)
                for tensor in given if isinstance(given, list | tuple) else (given,):
                    if isinstance(tensor, torch.Tensor) and tensor.layout is torch.strided:
                        self._monitor.torch_wrote(tensor)

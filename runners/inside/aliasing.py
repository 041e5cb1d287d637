"""Results that share memory with an argument, or with each other: whoever writes to one later changes both.

Two results out of one allocation are fine while no byte is in both. A result without elements shares nothing. Addresses
decide: a storage can be made that begins inside another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from runners.wire import Fault


class _Extent(NamedTuple):
    first: int
    end: int

    def overlaps(self, other: _Extent) -> bool:
        return self.first < other.end and other.first < self.end


def aliases(outputs: Sequence[torch.Tensor], arguments: Sequence[object]) -> list[Fault]:
    """Returns a fault for each output that overlaps an argument's storage, or an earlier output.

    The fault names the argument, and the element of it (or of the earlier output) with which the output begins.
    """
    faults = []
    earlier: list[_Extent] = []
    for output in outputs:
        extent = _extent(output)
        if extent is None:
            continue
        for number, argument in enumerate(arguments):
            if isinstance(argument, torch.Tensor) and argument.numel() and extent.overlaps(_storage(argument)):
                faults.append(_fault(number, (extent.first - argument.data_ptr()) // output.element_size()))
        faults += [
            _fault(None, (extent.first - other.first) // output.element_size())
            for other in earlier
            if extent.overlaps(other)
        ][:1]
        earlier.append(extent)
    return faults[:4]


def _extent(tensor: torch.Tensor) -> _Extent | None:
    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or not tensor.numel():
        return None
    reach: int = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    first = tensor.data_ptr()
    return _Extent(first, first + (reach + 1) * tensor.element_size())


def _storage(tensor: torch.Tensor) -> _Extent:
    storage = tensor.untyped_storage()
    return _Extent(storage.data_ptr(), storage.data_ptr() + storage.nbytes())


def _fault(argument: int | None, element: int) -> Fault:
    return Fault(
        kind="aliased_output", argument=argument, allocation=None, element=element, line=None, program=None, other=None
    )

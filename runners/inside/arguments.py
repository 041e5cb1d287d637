"""From wire to tensors: base buffers in guarded memory, views with the layout that the judge asked for.

A sparse argument's base is gigabytes of address space; only the pages that hold its elements become resident. Its
digest covers the elements alone: reading the rest would make it resident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from runners import wire
from runners.inside.memory import Side, guarded

DTYPES: Final = {name: getattr(torch, name) for name in wire.DTYPES}


@dataclass(slots=True)
class Arguments:
    """The arguments of one call. The guarded buffers live as long as this object does.

    Attributes:
        values: In the order of the call.
        digested: For each tensor argument, the bytes that its digest covers.
    """

    values: list[torch.Tensor | bool | int | float]
    digested: list[torch.Tensor]

    def digests(self) -> tuple[str, ...]:
        """BLAKE2b-128 of each tensor argument's base buffer, or of its elements where it is sparse, in order."""
        return tuple(
            hashlib.blake2b(_bytes(tensor).numpy().data, digest_size=16).hexdigest() for tensor in self.digested
        )


def build(arguments: Sequence[wire.Argument], data: Sequence[memoryview], side: Side) -> Arguments:
    """Makes fresh tensors from the judge's bytes; `side` is the end of the buffer that touches its guard page."""
    made = Arguments([], [])
    remaining = iter(data)
    for argument in arguments:
        if isinstance(argument, wire.ScalarArgument):
            made.values.append(argument.value)
            continue
        base = guarded(argument.base_bytes, side).buffer
        elements = base.view(DTYPES[argument.dtype]).as_strided(argument.shape, argument.strides, argument.offset)
        source = next(remaining)
        if argument.sparse:
            elements.copy_(_tensor(source, argument))
        elif argument.base_bytes:
            base.numpy()[:] = np.frombuffer(source, dtype=np.uint8)
        made.digested.append(elements if argument.sparse else base)
        made.values.append(elements)
    return made


def _tensor(source: memoryview, argument: wire.TensorArgument) -> torch.Tensor:
    values = np.frombuffer(source, dtype=np.uint8).copy()
    return torch.from_numpy(values).view(DTYPES[argument.dtype]).view(argument.shape)


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(-1).view(torch.uint8)

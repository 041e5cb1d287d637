"""From wire to tensors: base buffers in guarded memory, views with the layout that the judge asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from runners import wire
from runners.inside.memory import Guarded, Side, guarded

DTYPES: Final = {name: getattr(torch, name) for name in wire.DTYPES}


@dataclass(slots=True)
class Arguments:
    """The arguments of one call. The guarded buffers live as long as this object does."""

    values: list[torch.Tensor | bool | int | float]
    buffers: list[Guarded]

    def digests(self) -> tuple[str, ...]:
        """BLAKE2b-128 of each tensor argument's base buffer, in order."""
        return tuple(hashlib.blake2b(buffer.buffer.numpy().data, digest_size=16).hexdigest() for buffer in self.buffers)


def build(arguments: Sequence[wire.Argument], data: Sequence[memoryview], side: Side) -> Arguments:
    """Makes fresh tensors from the judge's bytes; `side` is the end of the buffer that touches its guard page."""
    made = Arguments([], [])
    remaining = iter(data)
    for argument in arguments:
        if isinstance(argument, wire.ScalarArgument):
            made.values.append(argument.value)
            continue
        buffer = guarded(argument.base_bytes, side)
        source = next(remaining)
        if argument.base_bytes:
            buffer.buffer.numpy()[:] = np.frombuffer(source, dtype=np.uint8)
        made.buffers.append(buffer)
        base = buffer.buffer.view(DTYPES[argument.dtype])
        made.values.append(base.as_strided(argument.shape, argument.strides, argument.offset))
    return made

"""Arguments of a call on the device, made from what came over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from runners import wire
from runners.inside.arguments import DTYPES


def on_device(arguments: Sequence[wire.Argument], data: Sequence[memoryview]) -> tuple[list[torch.Tensor], list[Any]]:
    """Returns the base buffers of the tensors, uint8 of shape (nbytes,), and the arguments in order."""
    bases: list[torch.Tensor] = []
    values: list[Any] = []
    remaining = iter(data)
    for argument in arguments:
        if isinstance(argument, wire.ScalarArgument):
            values.append(argument.value)
            continue
        source = next(remaining)
        base = torch.frombuffer(bytearray(source), dtype=torch.uint8).cuda() if len(source) else _nothing()
        bases.append(base)
        typed = base.view(DTYPES[argument.dtype])
        values.append(typed.as_strided(argument.shape, argument.strides, argument.offset))
    return bases, values


def _nothing() -> torch.Tensor:
    return torch.empty(0, dtype=torch.uint8, device="cuda")

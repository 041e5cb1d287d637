"""Arguments of a call on the device, made from what came over the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import torch

from runners import wire
from runners.generating import Generated
from runners.inside.arguments import DTYPES

DEVICE: Final = "cuda"


def on_device(
    arguments: Sequence[wire.Argument], data: Sequence[memoryview], seed: int = 0, device: str = DEVICE
) -> tuple[list[torch.Tensor], list[Any]]:
    """Returns the base buffers of the tensors, uint8 of shape (nbytes,), and the arguments in order.

    Args:
        data: The bytes of each base, in order; where one is generated, from `seed`, there are none.

    Raises:
        torch.OutOfMemoryError: there is no room.
    """
    bases: list[torch.Tensor] = []
    values: list[Any] = []
    remaining = iter(data)
    generated = iter(generated_bases(arguments, seed))
    for argument in arguments:
        if isinstance(argument, wire.ScalarArgument):
            values.append(argument.value)
            continue
        source, made = next(remaining, memoryview(b"")), next(generated)
        base = torch.empty(argument.base_bytes, dtype=torch.uint8, device=device)
        typed = base.view(DTYPES[argument.dtype])
        if made is not None:
            made.fill(typed)
        elif len(source):
            base.copy_(torch.frombuffer(bytearray(source), dtype=torch.uint8))
        bases.append(base)
        values.append(typed.as_strided(argument.shape, argument.strides, argument.offset))
    return bases, values


def generated_bases(arguments: Sequence[wire.Argument], seed: int) -> Iterator[Generated | None]:
    """Yields, for each tensor argument in order, how its base is generated; None where it travels."""
    tensors = (argument for argument in arguments if isinstance(argument, wire.TensorArgument))
    for number, tensor in enumerate(tensors):
        elements = tensor.elements
        yield None if elements is None else Generated(elements, DTYPES[tensor.dtype], seed, number)

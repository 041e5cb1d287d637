"""Elements of a base that nobody sends: a pure function of a seed, the number of the argument and the element's index.

The judge and the programs on a GPU import this module alike, and make the same bits: all arithmetic is on integers in
int64, masked to 32 bits, and what comes of it is an integer that the dtype holds exactly, times a power of two. A base
of gigabytes is filled in pieces; the judge evaluates the positions that it compares, and never makes the whole.

The mixer is 'lowbias32' of Chris Wellons' hash prospector (public domain, 2018): two rounds of it with a key between
them, so that no two seeds give the same elements in another order. Its second factor is taken less 2³², which is the
same modulo 2³² and keeps every product within 63 bits.

A float has as many random bits as its dtype's significand. With fewer, a product in tf32 or a sum in float16 would be
exact, and a kernel that falls back to one for large inputs would be right on these.

Under an odd seed floats have no sign. Sums of mixed signs stay near zero, where an accumulator of too few digits loses
little; sums of one sign grow with every term. An fp8 product that adds up with 14 bits on the tensor cores was within
the bound on 4,096 terms of mixed signs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch

from runners.argument_messages import Elements

MASK: Final = (1 << 32) - 1
FACTORS: Final = (0x7FEB352D, 0x846CA68B - (1 << 32))
DEVICE_PIECE: Final = 1 << 22  # elements: a few pieces of int64 fit into the second-level cache of a large GPU
HOST_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Generated:
    """The base of one argument.

    Attributes:
        dtype: Of its elements, which holds all of them exactly (`runners.argument_messages`).
        seed: Of the inputs; `number` is the argument's among the tensors.
    """

    elements: Elements
    dtype: torch.dtype
    seed: int
    number: int

    def at(self, index: torch.Tensor) -> torch.Tensor:
        """Returns the elements at `index` (int64, any shape and device), in its shape and on its device."""
        out = torch.empty(index.shape, dtype=self.dtype, device=index.device)
        flat, target = index.reshape(-1), out.view(-1)
        for start, stop in _pieces(flat.numel(), index.device):
            target[start:stop] = self._made(flat[start:stop].clone())
        return out

    def fill(self, base: torch.Tensor) -> None:
        """Sets the elements of `base`, one-dimensional, contiguous and of the dtype."""
        for start, stop in _pieces(base.numel(), base.device):
            base[start:stop] = self._made(torch.arange(start, stop, device=base.device))

    def is_in(self, base: torch.Tensor) -> bool:
        """Whether `base` (as for `fill`) has these elements, to the bit."""
        for start, stop in _pieces(base.numel(), base.device):
            made = self._made(torch.arange(start, stop, device=base.device))
            if not torch.equal(base[start:stop].view(torch.uint8), made.view(torch.uint8)):
                return False
        return True

    def _made(self, index: torch.Tensor) -> torch.Tensor:
        """Takes `index` for its own."""
        first, second = _keys(self.seed, self.number)
        upper = index >> 32
        value = _mix(index.bitwise_and_(MASK).bitwise_xor_(first))
        value = _mix(value.bitwise_xor_(upper).bitwise_xor_(second))
        value = value.mul_(self.elements.span).bitwise_right_shift_(32).add_(self.elements.lowest)
        if not self.dtype.is_floating_point:
            return value.to(self.dtype)
        exact = value.to(torch.float64 if self.dtype == torch.float64 else torch.float32)
        if self.seed & 1:
            exact.abs_()
        return exact.mul_(2.0**self.elements.exponent).to(self.dtype)


def _keys(seed: int, number: int) -> tuple[int, int]:
    digest = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def _mix(value: torch.Tensor) -> torch.Tensor:
    """Mixes 32-bit values in int64, in place."""
    value.bitwise_xor_(value >> 16).mul_(FACTORS[0]).bitwise_and_(MASK)
    value.bitwise_xor_(value >> 15).mul_(FACTORS[1]).bitwise_and_(MASK)
    return value.bitwise_xor_(value >> 16)


def _pieces(count: int, device: torch.device) -> Iterator[tuple[int, int]]:
    piece = HOST_PIECE if device.type == "cpu" else DEVICE_PIECE
    for start in range(0, count, piece):
        yield start, min(start + piece, count)

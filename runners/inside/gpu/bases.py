"""What an argument's base holds in a replay: bytes that came, or elements that are generated on the device.

Both are put into memory of the device before the plan is carried out, and looked for there afterwards. A generated base
is never copied: it is made again, a piece at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from runners.generating import Generated


class Base(Protocol):
    """The contents of one base."""

    def put_into(self, payload: torch.Tensor) -> None:
        """Sets `payload`, uint8 of the base's size on the device."""
        ...

    def is_in(self, payload: torch.Tensor) -> bool:
        """Whether `payload` still holds it, to the bit."""
        ...


@dataclass(frozen=True, slots=True)
class GivenBase:
    """Bytes that came: uint8 of shape (nbytes,) on the CPU."""

    data: torch.Tensor

    def put_into(self, payload: torch.Tensor) -> None:
        """Sets `payload`, uint8 of the base's size on the device."""
        payload.copy_(self.data)

    def is_in(self, payload: torch.Tensor) -> bool:
        """Whether `payload` still holds it, to the bit."""
        return torch.equal(payload.cpu(), self.data)


@dataclass(frozen=True, slots=True)
class GeneratedBase:
    """Elements that are generated."""

    generated: Generated

    def put_into(self, payload: torch.Tensor) -> None:
        """Sets `payload`, uint8 of the base's size on the device."""
        self.generated.fill(payload.view(self.generated.dtype))

    def is_in(self, payload: torch.Tensor) -> bool:
        """Whether `payload` still holds it, to the bit."""
        return self.generated.is_in(payload.view(self.generated.dtype))

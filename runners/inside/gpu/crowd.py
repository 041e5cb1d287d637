"""Other work on the device while a plan is carried out: its blocks start in another order and at other times."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import torch

ELEMENTS: Final = 1 << 24
ROUNDS: Final = 24


class Crowd:
    """A context manager: streams over memory of its own run beside what is launched within."""

    def __init__(self) -> None:
        self._streams = [torch.cuda.Stream() for _ in range(2)]  # type: ignore[no-untyped-call]  # torch's own
        self._memory = [torch.zeros(ELEMENTS, device="cuda") for _ in self._streams]

    def __enter__(self) -> Self:
        torch.cuda.synchronize()
        for stream, memory in zip(self._streams, self._memory, strict=True):
            with torch.cuda.stream(stream):
                for _ in range(ROUNDS):
                    memory.add_(1.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass  # whoever waits for the device waits for it, too

"""The runner's end of the pipe, out of the way of what a candidate prints.

The descriptors of stdin and stdout are moved to new numbers; 0 then reads nothing and 1 goes nowhere, so a candidate
may print as much as it likes. A candidate that looks for the channel finds it, since it shares the process: the host
checks every byte that comes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO

from sandbox.frames import header_for, read_frame

Buffer = bytes | bytearray | memoryview


class Channel:
    """Frames in, frames out."""

    def __init__(self, reader: BinaryIO, out: int) -> None:
        self._reader = reader
        self._out = out

    @classmethod
    def take_over(cls) -> Channel:
        """Moves the channel off descriptors 0 and 1."""
        reader = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
        out = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.close(nothing)
        return cls(reader, out)

    def receive(self, cap_bytes: int) -> bytes | None:
        """Returns the next frame's payload, or None when the host closed the channel."""
        try:
            return read_frame(self._exactly, cap_bytes)
        except EOFError:
            return None

    def send(self, parts: Sequence[Buffer]) -> None:
        """Sends `parts` as one frame."""
        for part in (header_for(parts), *parts):
            view = memoryview(part).cast("B")
            while view:
                view = view[os.write(self._out, view) :]

    def _exactly(self, count: int) -> bytes:
        data = self._reader.read(count)
        if len(data) < count:
            raise EOFError
        return data

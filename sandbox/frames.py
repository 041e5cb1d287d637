"""Frames: how bytes are cut into messages on a pipe.

A frame is an eight-byte little-endian length followed by that many bytes. This module is used on both sides
of the boundary, so it imports only the standard library. The reader states the largest frame it is willing
to take *before* it reads: a length above the cap is refused without allocating anything.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

HEADER: Final = struct.Struct("<Q")


class FrameError(Exception):
    """The peer broke the framing: a length above the cap, or the end of the stream inside a frame."""


def header_for(parts: Sequence[bytes | bytearray | memoryview]) -> bytes:
    """Returns the length prefix of the frame that `parts`, concatenated, make up."""
    return HEADER.pack(sum(memoryview(part).nbytes for part in parts))


def read_frame(read_exact: Callable[[int], bytes], cap_bytes: int) -> bytes:
    """Reads one frame through `read_exact`, which returns exactly the asked number of bytes or raises.

    Raises:
        FrameError: the announced length is above `cap_bytes`.
    """
    (length,) = HEADER.unpack(read_exact(HEADER.size))
    if length > cap_bytes:
        raise FrameError(f"a frame of {length} bytes was announced, the cap is {cap_bytes}")
    return read_exact(length)

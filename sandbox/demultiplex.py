"""Takes the engine's attach stream apart, without I/O: chunks of stdout and stderr, and frames within stdout.

The engine sends chunks behind an eight-byte header (stream number, three zero bytes, big-endian length). It writes
these headers itself, so a bad one is the engine's fault, never the program's. What stdout holds is the program's: a
length above the cap is refused before anything is allocated for it, and memory grows only with bytes that really came.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from sandbox.frames import HEADER

CHUNK_HEADER: Final = struct.Struct(">B3sI")
STDOUT: Final = 1
STDERR: Final = 2


class EngineStreamError(Exception):
    """The engine sent what no engine sends."""


class Chunk(NamedTuple):
    """Some bytes of one stream; `data` is valid until the next read."""

    stream: int
    data: memoryview


class Demultiplexer:
    """Cuts the attach stream into chunks, wherever the reads happened to be cut."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, data: memoryview) -> Iterator[Chunk]:
        """Yields the chunks in `data`, which must not change until the iterator is used up.

        Raises:
            EngineStreamError: a header is not one.
        """
        while data:
            if not self._left:
                data = self._take_header(data)
                continue
            part = data[: self._left]
            self._left -= len(part)
            data = data[len(part) :]
            yield Chunk(self._stream, part)

    def _take_header(self, data: memoryview) -> memoryview:
        missing = CHUNK_HEADER.size - len(self._header)
        self._header += data[:missing]
        if len(self._header) == CHUNK_HEADER.size:
            stream, padding, self._left = CHUNK_HEADER.unpack(self._header)
            if stream not in (STDOUT, STDERR) or any(padding):
                raise EngineStreamError(f"a chunk header of the attach stream reads {self._header.hex()}")
            self._stream = stream
            self._header.clear()
        return data[missing:]


class FrameCollector:
    """Collects one asked-for frame from stdout; counts every byte that nobody asked for.

    Attributes:
        unasked_bytes: How many bytes came outside an asked-for frame.
        over_cap: What is wrong with the frame's announced length, or None.
    """

    def __init__(self) -> None:
        self.unasked_bytes = 0
        self.over_cap: str | None = None
        self._asked = False
        self._cap_bytes = 0
        self._header = bytearray()
        self._length = 0
        self._payload = io.BytesIO()

    @property
    def begun(self) -> bool:
        """Whether a byte of the asked-for frame came."""
        return self._asked and bool(self._header)

    def ask(self, cap_bytes: int) -> None:
        """From now on, one frame of at most `cap_bytes` is due."""
        self._asked = True
        self._cap_bytes = cap_bytes
        self._header.clear()
        self._length = 0
        self._payload = io.BytesIO()

    def take(self, data: memoryview) -> None:
        """Adds bytes of stdout."""
        if self._asked and len(self._header) < HEADER.size:
            data = self._take_header(data)
        if self._asked and self.over_cap is None:
            part = data[: self._length - self._payload.tell()]
            self._payload.write(part)
            data = data[len(part) :]
        if not self._asked or self.over_cap is not None or self._complete:
            self.unasked_bytes += len(data)

    def frame(self) -> bytes | None:
        """Returns the payload once it is complete, and stops asking; None before."""
        if not (self._asked and self._complete):
            return None
        self._asked = False
        # getvalue hands out the buffer itself as long as nothing is written afterwards: no copy of a large reply.
        return self._payload.getvalue()

    @property
    def _complete(self) -> bool:
        return len(self._header) == HEADER.size and self._payload.tell() == self._length

    def _take_header(self, data: memoryview) -> memoryview:
        missing = HEADER.size - len(self._header)
        self._header += data[:missing]
        if len(self._header) == HEADER.size:
            (self._length,) = HEADER.unpack(self._header)
            if self._length > self._cap_bytes:
                self.over_cap = f"a frame of {self._length} bytes was announced, the cap is {self._cap_bytes}"
        return data[missing:]

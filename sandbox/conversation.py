"""The conversation with a started program, with a deadline on every wait; how its bytes travel is the subclasses' part.

The program may be hostile: it may never read its input, answer before it was asked, or flood either stream. So nothing
here ever blocks, each turn of the loop looks at the clock, writing and reading go on side by side, and of stderr only
the end is kept.

Deliberately not told apart here: a program that left and an engine that died. Both close the stream; whoever asked
finds out from what held the program (`sandbox.started_worker`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sandbox.contract import Buffer
from sandbox.demultiplex import FrameCollector
from sandbox.frames import header_for

PARTS_A_CALL: Final = 64
LAST_WORDS_BYTES: Final = 8 << 10
GLANCE_READS: Final = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame that was due."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream ended; what was due did not come."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The deadline passed."""


@dataclass(frozen=True, slots=True)
class Violation:
    """The program broke the protocol."""

    reason: str


Turn = Frame | Closed | Expired | Violation


class Conversation(ABC):
    """Frames in turn with one program. Every method may raise `EngineStreamError`.

    Attributes:
        interrupted: Whether another thread ended the stream.
        stdout_bytes: How much of it came; likewise `stderr_bytes`.
    """

    def __init__(self) -> None:
        self._collector = FrameCollector()
        self._stderr_end = bytearray()
        self._outgoing: deque[memoryview] = deque()
        self._open = True
        self.interrupted = False
        self.stdout_bytes = 0
        self.stderr_bytes = 0

    @property
    def last_words(self) -> bytes:
        """The end of stderr."""
        return bytes(self._stderr_end)

    @property
    def unasked_bytes(self) -> int:
        """How many bytes of stdout came that nobody asked for."""
        return self._collector.unasked_bytes

    def listen(self, *, cap_bytes: int, until: float) -> Turn:
        """Waits for a frame without asking for one; `until` is a reading of `time.monotonic`."""
        self._collector.ask(cap_bytes)
        return self._talk(until)

    def ask(self, request: Sequence[Buffer], *, cap_bytes: int, until: float) -> Turn:
        """Sends `request` as one frame and waits for the frame that answers it."""
        early = self.glance()
        if early is not None:
            return early
        self._collector.ask(cap_bytes)
        views = (memoryview(part).cast("B") for part in (header_for(request), *request))
        self._outgoing = deque(view for view in views if view)
        return self._talk(until)

    def glance(self) -> Closed | Violation | None:
        """Reads what is there without waiting: the end of the stream, or bytes that nobody asked for, if any."""
        for _ in range(GLANCE_READS):
            if not (self._open and self._receive()):
                break
        if self.unasked_bytes:
            return Violation(f"{self.unasked_bytes} bytes came that no request asked for")
        return None if self._open else Closed()

    @abstractmethod
    def close_input(self) -> None:
        """Tells the program that no further request comes."""

    def drain(self, until: float) -> Closed | Expired:
        """Discards what comes until the stream ends."""
        while self._open:
            if not self._wait(until):
                return Expired()
            self._receive()
        return Closed()

    @abstractmethod
    def interrupt(self) -> None:
        """Ends the stream for whoever waits on it and sets `interrupted`; the one method for another thread."""

    @abstractmethod
    def close(self) -> None:
        """Closes both ways; safe to call twice."""

    def _talk(self, until: float) -> Turn:
        while True:
            turn = self._verdict()
            if turn is not None:
                return turn
            if not self._wait(until, sending=bool(self._outgoing)):
                return Expired()
            if self._outgoing:
                self._send()
            self._receive()

    def _verdict(self) -> Turn | None:
        """What the bytes so far amount to. No honest program answers a request that it has not read to its end."""
        if self._collector.over_cap is not None:
            return Violation(self._collector.over_cap)
        if self._outgoing and self._collector.begun:
            return Violation("it answered before the request was complete")
        payload = self._collector.frame()
        if payload is not None:
            return Frame(payload)
        return None if self._open else Closed()

    @abstractmethod
    def _poll(self, *, sending: bool, timeout_s: float) -> None:
        """Waits until there is something to read or, when `sending`, room to write; may return too early."""

    @abstractmethod
    def _write(self, parts: Sequence[memoryview]) -> int | None:
        """Writes what there is room for; None when nobody reads any more."""

    @abstractmethod
    def _receive(self) -> bool:
        """Takes in at most one buffer and keeps `_open` true to the facts; False when nothing was there."""

    def _wait(self, until: float, *, sending: bool = False) -> bool:
        left_s = until - time.monotonic()
        if left_s <= 0:
            return False
        self._poll(sending=sending, timeout_s=left_s)
        return True

    def _send(self) -> None:
        sent = self._write([self._outgoing[i] for i in range(min(PARTS_A_CALL, len(self._outgoing)))])
        if sent is None:
            self._outgoing.clear()  # the end of the stream follows
            return
        while sent:
            part = self._outgoing.popleft()
            if len(part) > sent:
                self._outgoing.appendleft(part[sent:])
            sent -= min(sent, len(part))

    def _collect(self, data: memoryview) -> None:
        self.stdout_bytes += len(data)
        self._collector.take(data)

    def _keep_last_words(self, data: memoryview) -> None:
        self.stderr_bytes += len(data)
        self._stderr_end += data[-LAST_WORDS_BYTES:]
        del self._stderr_end[:-LAST_WORDS_BYTES]

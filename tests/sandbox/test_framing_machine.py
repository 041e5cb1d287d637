"""Demultiplexer and frame collector as a machine: requests, bytes and cuts in any order, beside a plain model."""

from __future__ import annotations

import struct

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sandbox.demultiplex import STDOUT, Chunk, Demultiplexer, FrameCollector

CAP_BYTES = 40


class Framing(RuleBasedStateMachine):
    """The model keeps all that was written since the last request, and what of it came before any."""

    def __init__(self) -> None:
        super().__init__()
        self.demultiplexer = Demultiplexer()
        self.collector = FrameCollector()
        self.sent = b""  # of the engine, not yet read by the host
        self.answer: bytes | None = None  # stdout since the request; None while none is due
        self.unasked = 0
        self.stderr = b""
        self.read_stderr = b""

    @precondition(lambda self: self.answer is None and self.collector.over_cap is None)
    @rule()
    def ask(self) -> None:
        self.collector.ask(CAP_BYTES)
        self.answer = b""

    @rule(data=st.binary(max_size=60))
    def write_bytes(self, data: bytes) -> None:
        self.sent += struct.pack(">B3xI", STDOUT, len(data)) + data

    @rule(
        length=st.sampled_from([0, 1, 7, CAP_BYTES, CAP_BYTES + 1, 1 << 40, (1 << 64) - 1]), missing=st.integers(0, 3)
    )
    def write_frame(self, length: int, missing: int) -> None:
        data = struct.pack("<Q", length) + b"p" * max(0, min(length, 60) - missing)
        self.sent += struct.pack(">B3xI", STDOUT, len(data)) + data

    @rule(data=st.binary(max_size=20))
    def complain(self, data: bytes) -> None:
        self.sent += struct.pack(">B3xI", 2, len(data)) + data
        self.stderr += data

    @precondition(lambda self: self.sent)
    @rule(count=st.integers(1, 100))
    def read(self, count: int) -> None:
        part, self.sent = self.sent[:count], self.sent[count:]
        for chunk in self.demultiplexer.feed(memoryview(part)):
            self._take(chunk)

    def _take(self, chunk: Chunk) -> None:
        if chunk.stream != STDOUT:
            self.read_stderr += bytes(chunk.data)
            return
        self.collector.take(chunk.data)
        if self.answer is None:
            self.unasked += len(chunk.data)
        else:
            self.answer += bytes(chunk.data)

    @precondition(lambda self: self.answer is not None)
    @rule()
    def look(self) -> None:
        assert self.answer is not None
        payload = self.collector.frame()
        length = self._length()
        if length is None or length > CAP_BYTES or len(self.answer) < 8 + length:
            assert payload is None
            return
        assert payload == self.answer[8 : 8 + length]
        self.unasked += len(self.answer) - 8 - length
        self.answer = None

    def _length(self) -> int | None:
        assert self.answer is not None
        return int(struct.unpack_from("<Q", self.answer)[0]) if len(self.answer) >= 8 else None

    @invariant()
    def a_length_above_the_cap_is_seen_at_its_last_byte(self) -> None:
        if self.answer is not None:
            length = self._length()
            assert (self.collector.over_cap is not None) == (length is not None and length > CAP_BYTES)

    @invariant()
    def every_byte_is_of_the_frame_or_counted(self) -> None:
        of_frame = 0
        if self.answer is not None:
            length = self._length()
            of_frame = min(len(self.answer), 8 if length is None or length > CAP_BYTES else 8 + length)
            assert self.collector.unasked_bytes == self.unasked + len(self.answer) - of_frame
        else:
            assert self.collector.unasked_bytes == self.unasked

    @invariant()
    def stderr_is_never_taken_for_an_answer(self) -> None:
        assert self.stderr.startswith(self.read_stderr)


Framing.TestCase.settings = settings(database=None, deadline=None, max_examples=100, stateful_step_count=40)
TestFraming = Framing.TestCase

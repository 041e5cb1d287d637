from __future__ import annotations

import struct
import tracemalloc

import pytest

from sandbox.demultiplex import Demultiplexer, EngineStreamError, FrameCollector


def chunk(stream: int, data: bytes) -> bytes:
    return struct.pack(">B3xI", stream, len(data)) + data


def fed(data: bytes, step: int) -> list[tuple[int, bytes]]:
    demultiplexer = Demultiplexer()
    joined: list[tuple[int, bytes]] = []
    for start in range(0, len(data), step):
        for stream, part in demultiplexer.feed(memoryview(data[start : start + step])):
            if joined and joined[-1][0] == stream:
                joined[-1] = (stream, joined[-1][1] + bytes(part))
            else:
                joined.append((stream, bytes(part)))
    return joined


@pytest.mark.parametrize("step", [1, 2, 3, 7, 8, 9, 1000])
def test_chunks_are_the_same_wherever_the_reads_are_cut(step: int) -> None:
    data = chunk(1, b"abc") + chunk(2, b"error") + chunk(1, b"") + chunk(1, b"defghijklmnop")
    assert fed(data, step) == [(1, b"abc"), (2, b"error"), (1, b"defghijklmnop")]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(struct.pack(">B3xI", 0, 5), id="stdin"),
        pytest.param(struct.pack(">B3xI", 3, 5), id="an error of the engine"),
        pytest.param(struct.pack(">B3xI", 255, 5), id="no stream at all"),
        pytest.param(b"\x01\x00\x00\x01\x00\x00\x00\x05", id="padding that is not zero"),
        pytest.param(b"HTTP/1.1", id="another protocol"),
    ],
)
def test_a_header_that_no_engine_sends_is_refused(header: bytes) -> None:
    with pytest.raises(EngineStreamError):
        list(Demultiplexer().feed(memoryview(header + b"12345")))


def frame(payload: bytes) -> bytes:
    return struct.pack("<Q", len(payload)) + payload


@pytest.mark.parametrize("step", [1, 3, 8, 100])
def test_a_frame_is_the_same_wherever_the_chunks_are_cut(step: int) -> None:
    collector = FrameCollector()
    collector.ask(100)
    data = frame(b"hello world")
    for start in range(0, len(data), step):
        assert collector.frame() is None
        collector.take(memoryview(data[start : start + step]))
    assert collector.frame() == b"hello world"
    assert collector.unasked_bytes == 0


def test_an_empty_frame_is_a_frame() -> None:
    collector = FrameCollector()
    collector.ask(0)
    collector.take(memoryview(frame(b"")))
    assert collector.frame() == b""


def test_a_frame_is_handed_out_once() -> None:
    collector = FrameCollector()
    collector.ask(10)
    collector.take(memoryview(frame(b"x")))
    assert [collector.frame(), collector.frame()] == [b"x", None]


@pytest.mark.parametrize("length", [11, 1 << 40, (1 << 64) - 1])
def test_a_length_above_the_cap_is_refused(length: int) -> None:
    collector = FrameCollector()
    collector.ask(10)
    collector.take(memoryview(struct.pack("<Q", length) + b"x" * 50))
    assert collector.over_cap == f"a frame of {length} bytes was announced, the cap is 10"
    assert collector.frame() is None


def test_an_announced_length_allocates_nothing() -> None:
    collector = FrameCollector()
    collector.ask(1 << 40)
    tracemalloc.start()
    try:
        collector.take(memoryview(struct.pack("<Q", 1 << 40) + b"x"))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 16


def test_bytes_before_any_request_are_counted_as_unasked() -> None:
    collector = FrameCollector()
    collector.take(memoryview(b"early"))
    assert collector.unasked_bytes == 5


def test_bytes_behind_a_frame_are_counted_as_unasked_and_not_part_of_it() -> None:
    collector = FrameCollector()
    collector.ask(10)
    collector.take(memoryview(frame(b"x") + b"surplus"))
    assert collector.frame() == b"x"
    assert collector.unasked_bytes == 7


def test_each_frame_starts_afresh() -> None:
    collector = FrameCollector()
    for payload in (b"first", b"", b"third"):
        collector.ask(10)
        collector.take(memoryview(frame(payload)))
        assert collector.frame() == payload

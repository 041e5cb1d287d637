from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox.attached import AttachedStream
from sandbox.conversation import Closed, Expired, Frame, Violation
from sandbox.demultiplex import EngineStreamError


def chunk(stream: int, data: bytes) -> bytes:
    return struct.pack(">B3xI", stream, len(data)) + data


def frame(payload: bytes) -> bytes:
    return struct.pack("<Q", len(payload)) + payload


@pytest.fixture
def ends() -> Iterator[tuple[AttachedStream, socket.socket]]:
    ours, theirs = socket.socketpair()
    stream = AttachedStream(ours)
    with theirs:
        yield stream, theirs
    stream.close()


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def test_a_request_goes_out_as_one_frame(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, engine = ends
    received: list[bytes] = []

    def answer() -> None:
        received.append(engine.recv(100))
        engine.sendall(chunk(1, frame(b"yes")))

    thread = threading.Thread(target=answer)
    thread.start()
    turn = stream.ask([b"is ", b"", b"it?"], cap_bytes=10, until=soon())
    thread.join()
    assert received == [frame(b"is it?")]
    assert turn == Frame(b"yes")


def test_bytes_waiting_before_a_request_are_a_violation(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, engine = ends
    engine.sendall(chunk(1, frame(b"guess")))
    assert stream.ask([b"question"], cap_bytes=10, until=soon()) == Violation("13 bytes came that no request asked for")


def test_stderr_before_a_request_is_no_violation(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, engine = ends
    engine.sendall(chunk(2, b"a warning"))
    assert stream.glance() is None
    assert stream.last_words == b"a warning"


def test_a_deadline_in_the_past_expires_at_once(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, _ = ends
    assert stream.listen(cap_bytes=10, until=time.monotonic() - 1) == Expired()


def test_a_reader_that_never_reads_expires(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, _ = ends
    assert stream.ask([bytes(8 << 20)], cap_bytes=10, until=soon(0.2)) == Expired()


def test_a_peer_that_vanishes_while_a_request_is_sent_is_closed(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, engine = ends
    thread = threading.Timer(0.1, engine.close)
    thread.start()
    turn = stream.ask([bytes(8 << 20)], cap_bytes=10, until=soon())
    thread.join()
    assert turn == Closed()


def test_a_frame_counts_even_when_the_stream_ends_behind_it(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, engine = ends
    engine.sendall(chunk(1, frame(b"last")))
    engine.close()
    assert stream.listen(cap_bytes=10, until=soon()) == Frame(b"last")
    assert stream.glance() == Closed()


def test_half_a_frame_and_the_end_is_closed(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, engine = ends
    engine.sendall(chunk(1, frame(b"whole")[:10]))
    engine.close()
    assert stream.listen(cap_bytes=10, until=soon()) == Closed()


def test_nonsense_of_the_engine_is_not_held_against_the_program(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, engine = ends
    engine.sendall(b"HTTP/1.1 500 Internal Server Error")
    with pytest.raises(EngineStreamError):
        stream.listen(cap_bytes=10, until=soon())


def test_of_stderr_the_last_8_kib_are_kept(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, engine = ends
    for number in range(40):
        engine.sendall(chunk(2, bytes([number]) * 1000))
    stream.glance()
    assert stream.last_words == b"".join(bytes([number]) * 1000 for number in range(40))[-8192:]


def test_draining_stops_at_the_deadline(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, _ = ends
    assert stream.drain(soon(0.1)) == Expired()


def test_closing_twice_is_fine(ends: tuple[AttachedStream, socket.socket]) -> None:
    stream, _ = ends
    stream.close()
    stream.close()
    assert stream.glance() == Closed()

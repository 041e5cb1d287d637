from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from sandbox.conversation import Closed, Expired, Frame, Violation
from sandbox.piped import PipedStream, ProgramEnds


class Pair(NamedTuple):
    stream: PipedStream
    program: ProgramEnds


def frame(payload: bytes) -> bytes:
    return struct.pack("<Q", len(payload)) + payload


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def pair() -> Iterator[Pair]:
    stream, program = PipedStream.with_pipes()
    yield Pair(stream, program)
    stream.close()
    for descriptor in program:
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test closed it


def test_a_request_goes_out_as_one_frame(pair: Pair) -> None:
    received: list[bytes] = []

    def answer() -> None:
        received.append(os.read(pair.program.stdin, 100))
        os.write(pair.program.stdout, frame(b"yes"))

    thread = threading.Thread(target=answer)
    thread.start()
    turn = pair.stream.ask([b"is ", b"", b"it?"], cap_bytes=10, until=soon())
    thread.join()
    assert received == [frame(b"is it?")]
    assert turn == Frame(b"yes")


def test_bytes_waiting_before_a_request_are_a_violation(pair: Pair) -> None:
    os.write(pair.program.stdout, frame(b"guess"))
    assert pair.stream.ask([b"q"], cap_bytes=10, until=soon()) == Violation("13 bytes came that no request asked for")


def test_stderr_before_a_request_is_no_violation(pair: Pair) -> None:
    os.write(pair.program.stderr, b"a warning")
    assert pair.stream.glance() is None
    assert pair.stream.last_words == b"a warning"


def test_of_stderr_the_last_8_kib_are_kept(pair: Pair) -> None:
    for number in range(40):
        os.write(pair.program.stderr, bytes([number]) * 1000)
    pair.stream.glance()
    assert pair.stream.last_words == b"".join(bytes([number]) * 1000 for number in range(40))[-8192:]


def test_a_flood_of_one_output_does_not_starve_the_other(pair: Pair) -> None:
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            try:
                os.write(pair.program.stderr, bytes(65536))
            except OSError:
                return

    thread = threading.Thread(target=flood)
    thread.start()
    os.write(pair.program.stdout, frame(b"ready"))
    turn = pair.stream.listen(cap_bytes=10, until=soon())
    stop.set()
    os.close(pair.program.stderr)
    pair.stream.drain(soon(1.0))
    thread.join()
    assert turn == Frame(b"ready")


def test_a_flood_of_stdout_leaves_a_turn_for_the_last_words(pair: Pair) -> None:
    os.write(pair.program.stderr, b"help")
    os.write(pair.program.stdout, bytes(1 << 20))
    pair.stream.glance()
    assert pair.stream.last_words == b"help"


def test_a_reader_that_never_reads_expires(pair: Pair) -> None:
    assert pair.stream.ask([bytes(8 << 20)], cap_bytes=10, until=soon(0.2)) == Expired()


def test_a_program_that_vanishes_while_a_request_is_sent_is_closed(pair: Pair) -> None:
    def vanish() -> None:
        for descriptor in pair.program:
            os.close(descriptor)

    thread = threading.Timer(0.1, vanish)
    thread.start()
    turn = pair.stream.ask([bytes(8 << 20)], cap_bytes=10, until=soon())
    thread.join()
    assert turn == Closed()


def test_a_frame_counts_even_when_the_stream_ends_behind_it(pair: Pair) -> None:
    os.write(pair.program.stdout, frame(b"last"))
    pair.program.close()
    assert pair.stream.listen(cap_bytes=10, until=soon()) == Frame(b"last")
    assert pair.stream.glance() == Closed()


def test_closing_one_output_is_not_the_end(pair: Pair) -> None:
    os.close(pair.program.stdout)
    assert pair.stream.listen(cap_bytes=10, until=soon(0.1)) == Expired()


def test_a_closed_input_is_seen_by_the_program(pair: Pair) -> None:
    pair.stream.close_input()
    assert os.read(pair.program.stdin, 10) == b""
    pair.stream.close_input()


def test_an_interrupt_ends_the_waiting_of_another_thread(pair: Pair) -> None:
    timer = threading.Timer(0.1, pair.stream.interrupt)
    timer.start()
    assert pair.stream.listen(cap_bytes=10, until=soon(60.0)) == Closed()
    timer.join()
    assert pair.stream.interrupted


def test_closing_twice_and_an_interrupt_afterwards_are_fine(pair: Pair) -> None:
    pair.stream.close()
    pair.stream.close()
    pair.stream.interrupt()
    assert pair.stream.glance() == Closed()

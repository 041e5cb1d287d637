"""The host's side of the channel as a whole, against a program that lies: `hostile_channel` plays and compares.

`benchmarks/fuzz_channel.py` drives the same player with coverage as its guide, for millions of frames.
"""

from __future__ import annotations

import re
import struct
import tracemalloc
from pathlib import Path

import hostile_channel
import pytest
from hostile_channel import assert_exact, play
from hostile_messages import ANSWERS, BUFFERS, HEADERS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runners import wire

RAW, STDOUT, PAYLOAD, HEADER, TURNS, TRAIN = 0, 1, 2, 3, 4, 6
CORPUS = Path(__file__).with_name("channel_corpus.txt")
MANY = 15
LENGTHS = [0, 1, 4, 8, 1 << 20, 1 << 21, (1 << 32) - 1, 1 << 40, 1 << 63, (1 << 64) - 1]


def payload_of(number: int) -> bytes:
    return len(HEADERS[number]).to_bytes(4, "little") + HEADERS[number] + BUFFERS[number]


def conversation(mode: int, rest: bytes, cuts: bytes = b"") -> bytes:
    return bytes([mode, len(cuts)]) + cuts + rest


@given(st.binary(max_size=600))
@settings(database=None, deadline=None, max_examples=300)
def test_any_bytes_lead_to_a_declared_outcome_of_exact_length(data: bytes) -> None:
    play(data)


@given(st.sampled_from([RAW, STDOUT, PAYLOAD, HEADER]), st.binary(max_size=300), st.binary(max_size=40))
@settings(database=None, deadline=None, max_examples=300)
def test_any_bytes_at_any_layer_in_any_pieces_lead_to_a_declared_outcome(mode: int, rest: bytes, cuts: bytes) -> None:
    played = play(conversation(mode, rest, cuts))
    assert played.frames == 1


@given(st.binary(min_size=30, max_size=400), st.binary(max_size=63))
@settings(database=None, deadline=None, max_examples=300)
def test_turn_after_turn_of_altered_answers_leads_to_declared_outcomes(choices: bytes, cuts: bytes) -> None:
    play(conversation(TURNS, choices, cuts))


@given(st.binary(min_size=100, max_size=2000), st.binary(max_size=63))
@settings(database=None, deadline=None, max_examples=100)
@example(choices=b"\xff" * 100, cuts=b"")
def test_frame_after_frame_is_read_as_a_plain_reader_reads_it(choices: bytes, cuts: bytes) -> None:
    assert play(conversation(TRAIN, choices, cuts)).frames > 0


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_an_honest_answer_comes_through_every_layer(number: int) -> None:
    frame = len(payload_of(number)).to_bytes(8, "little") + payload_of(number)
    chunk = struct.pack(">B3xI", 1, len(frame)) + frame
    for mode, rest in ((RAW, chunk), (STDOUT, frame), (PAYLOAD, payload_of(number))):
        asked = bytes([0, hostile_channel.ASKED.get(number, 0)])  # the piece is whole, the request is the one that fits
        played = play(conversation(mode, rest, asked[1:]))
        assert (played.frames, played.whole) == (1, 1)
    assert assert_exact(payload_of(number), [])


@pytest.mark.parametrize("announced", LENGTHS)
@pytest.mark.parametrize("came", [0, 1, 20])
def test_an_announced_length_costs_nothing_before_its_bytes_come(announced: int, came: int) -> None:
    rest = struct.pack("<Q", announced) + b"x" * came
    play(conversation(STDOUT, rest))  # whatever is made once is made now
    tracemalloc.start()
    try:
        play(conversation(STDOUT, rest))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 19  # of which the stream's own buffer is the half


def test_what_guided_fuzzing_reached_is_still_reached() -> None:
    """Its corpus, thinned to the fewest inputs that reach the same lines and the same ways of refusal."""
    said: set[str] = set()
    decoded = 0
    for line in CORPUS.read_text(encoding="ascii").split():
        played = play(bytes.fromhex(line))
        decoded += played.decoded
        said |= {re.sub(r"\d+", "N", words)[:50] for words in played.said}
    assert decoded >= MANY
    assert len(said) >= MANY


def test_a_player_that_lost_a_byte_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is not vacuous: a reader that is off by one fails it."""
    decode = wire.decode_answer
    monkeypatch.setattr(wire, "decode_answer", lambda payload: (decode(payload)[0], []))
    with pytest.raises(AssertionError):
        assert_exact(payload_of(0), [])
    monkeypatch.undo()
    monkeypatch.setattr(hostile_channel.FrameCollector, "frame", lambda self: b"")
    with pytest.raises(AssertionError):
        play(conversation(TRAIN, bytes([0, 0, 0, 0, 0, 0, 0, 1]) * 4))

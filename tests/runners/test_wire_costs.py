"""What a hostile header may cost the host: memory, time and words, each bounded whatever the header holds."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from runners import wire
from runners.launches import DISTINCT_CAP, TEXT_CAP_CHARS, SeenLaunches
from runners.specialisation import (
    NESTING_CAP,
    Constant,
    KernelName,
    LaunchArgument,
    LaunchValue,
    Several,
    Specialisation,
)

ROOM = wire.HEADER_CAP_BYTES - 1000
KERNEL = KernelName(module="candidate", qualname="k", line=1)


def framed(header: bytes) -> bytes:
    assert len(header) <= wire.HEADER_CAP_BYTES
    return wire.HEADER_LENGTH.pack(len(header)) + header


def repeated(before: bytes, item: bytes, after: bytes) -> bytes:
    return before + b",".join([item] * ((ROOM - len(before) - len(after)) // (len(item) + 1))) + after


FLOODS = {
    "calls that are none": repeated(b'{"kind":"ran","calls":[', b"1", b"]}"),
    "dimensions that are none": repeated(
        b'{"kind":"ran","calls":[{"kind":"returned","outputs":[{"shape":[', b'""', b"]}]}]}"
    ),
    "bad items that hold much": repeated(b'{"kind":"ran","calls":[', b'"%s"' % (b"x" * 200), b"]}"),
    "keys that nobody knows": b'{"kind":"loaded",' + b",".join(b'"%x":1' % n for n in range(100_000)) + b"}",
    "one key again and again": repeated(b'{"kind":"loaded",', b'"a":1', b"}"),
    "empty objects under an unknown key": repeated(b'{"kind":"loaded","x":[', b"{}", b"]}"),
    "lists under an unknown key": repeated(b'{"kind":"loaded","x":[', b"[0]", b"]}"),
    "a kind of a million characters": b'{"kind":"%s"}' % (b"x" * ROOM),
    "a text of a million characters": b'{"kind":"unsupported","line":null,"reason":"%s"}' % (b"\\u0001" * (ROOM // 7)),
    "an integer of a million digits": b'{"kind":"unsupported","reason":"","line":%s}' % (b"9" * ROOM),
    "a million opened lists": b"[" * ROOM,
}


@pytest.mark.parametrize("header", FLOODS.values(), ids=FLOODS)
def test_a_header_full_of_errors_is_refused_in_few_words_and_little_memory(header: bytes) -> None:
    payload = framed(header)
    tracemalloc.start()
    try:
        began = time.process_time()
        with pytest.raises(wire.WireError) as refused:
            wire.decode_answer(payload)
        spent_s = time.process_time() - began
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(refused.value)) < 300
    assert peak_bytes < 8 * wire.HEADER_CAP_BYTES
    assert spent_s < 2


def test_a_header_with_as_many_values_as_launches_can_need_is_read() -> None:
    argument = LaunchArgument(name="a", value=Constant(value=1))
    one = Specialisation(kernel=KERNEL, arguments=(argument,) * 256, options=(), configurations=0, gap=None)
    returned = wire.Returned(
        single=True, outputs=(), launches=1, atomics=False, argument_digests=(), specialisations=(one,) * 64
    )
    payload = b"".join(bytes(part) for part in wire.encode(wire.Ran(calls=(returned,))))
    assert 0.7 * wire.HEADER_CAP_BYTES < len(payload) < wire.HEADER_CAP_BYTES
    assert wire.decode_answer(payload)[0] == wire.Ran(calls=(returned,))


def nested(depth: int) -> dict[str, object]:
    value: dict[str, object] = {"kind": "several", "items": []}
    for _ in range(depth - 1):
        value = {"kind": "several", "items": [value]}
    return value


def answer_with(value: object) -> bytes:
    specialisation = {"kernel": KERNEL.model_dump(), "arguments": [{"name": "x", "value": value}], "options": [],
                      "configurations": 0, "gap": None}  # fmt: skip
    call = {"kind": "returned", "single": True, "outputs": [], "launches": 1, "atomics": False, "argument_digests": [],
            "specialisations": [specialisation]}  # fmt: skip
    return framed(json.dumps({"kind": "ran", "calls": [call]}).encode())


def test_tuples_as_deep_as_the_cap_are_read_and_printed() -> None:
    answer, _ = wire.decode_answer(answer_with(nested(NESTING_CAP)))
    assert repr(answer).count("Several(") == NESTING_CAP


@pytest.mark.parametrize("depth", [NESTING_CAP + 1, 95])
def test_tuples_that_nobody_could_print_are_refused(depth: int) -> None:
    with pytest.raises(wire.WireError):
        wire.decode_answer(answer_with(nested(depth)))


def launched(number: int, value: LaunchValue = Constant(value=None)) -> Specialisation:  # noqa: B008  # it is frozen
    name = KernelName(module="candidate", qualname=f"k{number}", line=1)
    argument = LaunchArgument(name="x", value=value)
    return Specialisation(kernel=name, arguments=(argument,), options=(), configurations=0, gap=None)


def test_launches_are_kept_up_to_a_number() -> None:
    seen = SeenLaunches()
    seen.note((launched(number) for number in range(DISTINCT_CAP + 50)), declared=True)
    assert len(seen.all) == DISTINCT_CAP


def test_launches_are_kept_up_to_a_size_whatever_the_cases_were() -> None:
    seen = SeenLaunches()
    large = Several(items=(Constant(value="x" * wire.TEXT_CAP),) * 64)
    for number in range(DISTINCT_CAP):
        seen.note([launched(number, large)], declared=number % 2 == 0)
    printed = sum(len(repr(one)) for one in seen.all)
    assert 0.9 * TEXT_CAP_CHARS < printed <= TEXT_CAP_CHARS


def test_a_small_launch_behind_a_large_one_is_still_kept() -> None:
    seen = SeenLaunches()
    large = Several(items=(Constant(value="x" * wire.TEXT_CAP),) * 64)
    for number in range(100):
        seen.note([launched(number, large)], declared=True)
    seen.note([launched(200)], declared=True)
    assert launched(200) in seen.all

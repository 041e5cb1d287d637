"""The wire format: messages survive a round trip, and whatever else comes is a WireError."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners import wire

CONDITIONS = (
    wire.Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=0, undefined_lanes=False),
    wire.Conditions(fresh_byte=0x47, order_seed=(1 << 32) - 1, choice_seed=0, undefined_lanes=True),
)
TENSOR = wire.TensorArgument(dtype="float16", shape=(2, 3), strides=(4, 1), offset=1, base_bytes=6)
OUTPUT = wire.Output(dtype="float32", shape=(1,), contiguous=True, device="cpu", data_bytes=4)
RETURNED = wire.Returned(single=True, outputs=(OUTPUT,), launches=1, atomics=False, argument_digests=("00" * 16,))

GENERATED = wire.TensorArgument(
    dtype="float16", shape=(2, 3), strides=(3, 1), offset=0, base_bytes=12,
    elements=wire.Elements(lowest=-1024, span=2048, exponent=-9),
)  # fmt: skip
STRETCHES = (wire.Stretch(start=0, count=2), wire.Stretch(start=(1 << 31) + 1, count=1))
SCALAR = wire.ScalarArgument(value=2.0)
LARGEST_SEED = (1 << 64) - 1

REQUESTS = [
    (wire.LoadRequest(entry="softmax", source_bytes=3), [b"abc"]),
    (wire.RunRequest(arguments=(), conditions=CONDITIONS, output_cap_bytes=0), []),
    (wire.RunRequest(arguments=(TENSOR, wire.ScalarArgument(value=1e-5)), conditions=CONDITIONS[:1],
                     output_cap_bytes=1 << 48), [b"123456"]),
    (wire.RecordRequest(arguments=(GENERATED, TENSOR), output_cap_bytes=0, seed=LARGEST_SEED), [b"", b"123456"]),
    (wire.GeneratedReplayRequest(arguments=(GENERATED, SCALAR), seed=LARGEST_SEED, fresh_byte=255, side="end"), []),
    (wire.TimeRequest(arguments=(SCALAR, GENERATED), seeds=(0, LARGEST_SEED), operator="relu", calls=10), []),
    (wire.RowsRequest(kept=1, axis=2, stretches=STRETCHES), []),
]  # fmt: skip
ANSWERS = [
    (wire.Greeting(python="3.11.2", torch="2.13.0", triton="3.9.0", interpreter_repaired=True), []),
    (wire.Loaded(), []),
    (wire.Raised(error="ValueError", message="é \" \n", line=None), []),
    (wire.Unsupported(reason="no libdevice", line=7), []),
    (wire.Ran(calls=(RETURNED, wire.ReturnedOther(type_name="NoneType"), RETURNED)), [b"\0\0\x80\x3f", b"abcd"]),
    (wire.Ran(calls=()), []),
    (wire.Rows(output_bytes=(3, 1)), [b"abc", b"d"]),
    (wire.Rows(output_bytes=()), []),
]  # fmt: skip


def joined(message: wire.Message, buffers: list[bytes]) -> bytes:
    return b"".join(bytes(part) for part in wire.encode(message, buffers))


def framed(header: object, buffers: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return wire.HEADER_LENGTH.pack(len(text)) + text + buffers


@pytest.mark.parametrize(("message", "buffers"), REQUESTS)
def test_a_request_survives_the_round_trip(message: wire.Message, buffers: list[bytes]) -> None:
    decoded, parts = wire.decode_request(joined(message, buffers))
    assert decoded == message
    assert [bytes(part) for part in parts] == buffers


@pytest.mark.parametrize(("message", "buffers"), ANSWERS)
def test_an_answer_survives_the_round_trip(message: wire.Message, buffers: list[bytes]) -> None:
    decoded, parts = wire.decode_answer(joined(message, buffers))
    assert decoded == message
    assert [bytes(part) for part in parts] == buffers


@pytest.mark.parametrize("value", [True, False, 0, 1, -7, 1 << 53, 0.0, 1.0, -0.0, 1e16, 5e-324, math.inf, -math.inf])
def test_a_scalar_keeps_value_and_type(value: float) -> None:
    request = wire.RunRequest(arguments=(wire.ScalarArgument(value=value),), conditions=CONDITIONS, output_cap_bytes=0)
    decoded, _ = wire.decode_request(joined(request, []))
    got = decoded.arguments[0].value
    assert type(got) is type(value)
    assert got == value
    assert math.copysign(1, got) == math.copysign(1, value)


def test_a_scalar_nan_stays_nan() -> None:
    request = wire.RunRequest(
        arguments=(wire.ScalarArgument(value=math.nan),), conditions=CONDITIONS, output_cap_bytes=0
    )
    decoded, _ = wire.decode_request(joined(request, []))
    assert math.isnan(decoded.arguments[0].value)


def test_buffers_are_not_copied_on_encoding() -> None:
    data = bytearray(b"abc")
    assert wire.encode(wire.LoadRequest(entry="f", source_bytes=3), [data])[1] is data


OUTPUT_JSON = {"dtype": "float32", "shape": [1], "contiguous": True, "device": "cpu", "data_bytes": 4}
CALL_JSON = {"kind": "returned", "single": True, "outputs": [OUTPUT_JSON], "launches": 1, "atomics": False,
             "argument_digests": []}  # fmt: skip


def ran(**changes: object) -> dict[str, object]:
    return {"kind": "ran", "calls": [CALL_JSON | changes]}


def ran_output(**changes: object) -> dict[str, object]:
    return ran(outputs=[OUTPUT_JSON | changes])


HOSTILE = {
    "empty": b"",
    "shorter_than_its_length": b"\1\0",
    "header_longer_than_the_message": wire.HEADER_LENGTH.pack(50) + b"{}",
    "header_above_the_cap": wire.HEADER_LENGTH.pack(wire.HEADER_CAP_BYTES + 1) + b" " * (wire.HEADER_CAP_BYTES + 1),
    "no_json": framed(b"{"),
    "not_utf8": framed(b'{"kind":"\xff"}'),
    "lone_surrogate": framed(rb'{"kind":"raised","error":"\ud800","message":"","line":null}'),
    "deeply_nested": framed(b"[" * 100_000),
    "an_array": framed([]),
    "null": framed(None),
    "no_kind": framed({}),
    "unknown_kind": framed({"kind": "verdict"}),
    "kind_of_a_request": framed({"kind": "load", "entry": "f", "source_bytes": 0}),
    "unknown_key": framed({"kind": "loaded", "passed": True}),
    "missing_key": framed({"kind": "unsupported", "reason": ""}),
    "bool_for_int": framed(ran(launches=True)),
    "float_for_int": framed(ran(launches=1.0)),
    "text_for_int": framed(ran(launches="1")),
    "int_for_bool": framed(ran(atomics=0)),
    "negative_launches": framed(ran(launches=-1)),
    "negative_line": framed({"kind": "raised", "error": "", "message": "", "line": -1}),
    "huge_line": framed({"kind": "raised", "error": "", "message": "", "line": 10**30}),
    "text_above_the_cap": framed({"kind": "unsupported", "reason": "x" * (wire.TEXT_CAP + 1), "line": None}),
    "negative_size": framed(ran_output(data_bytes=-4), b"abcd"),
    "sizes_that_cancel_out": framed(ran(outputs=[OUTPUT_JSON | {"data_bytes": 8}, OUTPUT_JSON | {"data_bytes": -4}]),
                                    b"abcd"),
    "negative_dimension": framed(ran_output(shape=[-1]), b"abcd"),
    "huge_dimension": framed(ran_output(shape=[1 << 49]), b"abcd"),
    "rank_above_the_cap": framed(ran_output(shape=[1] * (wire.RANK_CAP + 1)), b"abcd"),
    "nan_dimension": framed(ran_output(shape=[math.nan]), b"abcd"),
    "infinite_size": framed(ran_output(data_bytes=math.inf), b"abcd"),
    "too_few_bytes": framed(ran_output(), b"abc"),
    "too_many_bytes": framed(ran_output(), b"abcde"),
    "bytes_after_a_bare_message": framed({"kind": "loaded"}, b"x"),
    "too_many_calls": framed({"kind": "ran", "calls": [CALL_JSON | {"outputs": []}] * 9}),
    "too_many_outputs": framed(ran(outputs=[OUTPUT_JSON | {"data_bytes": 0}] * (wire.ARGUMENTS_CAP + 1))),
}  # fmt: skip


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_is_a_wire_error(payload: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode_answer(payload)


@pytest.mark.parametrize(
    "change", [{"dtype": "complex64"}, {"shape": [-1]}, {"offset": -1}, {"strides": [-1]}, {"base_bytes": 7}, {"x": 1}]
)
def test_a_tensor_argument_that_is_not_one_is_a_wire_error(change: dict[str, object]) -> None:
    tensor = TENSOR.model_dump(mode="json") | change
    request = {"kind": "run", "arguments": [tensor], "output_cap_bytes": 0,
               "conditions": [CONDITIONS[0].model_dump(mode="json")]}  # fmt: skip
    with pytest.raises(wire.WireError):
        wire.decode_request(framed(request, b"123456"))


@pytest.mark.parametrize("conditions", [[], [CONDITIONS[0].model_dump(mode="json")] * 9])
def test_a_run_without_conditions_or_with_more_than_eight_is_a_wire_error(conditions: list[object]) -> None:
    request = {"kind": "run", "arguments": [], "output_cap_bytes": 0, "conditions": conditions}
    with pytest.raises(wire.WireError):
        wire.decode_request(framed(request))


def assert_decoded_or_refused(payload: bytes) -> None:
    for decode in (wire.decode_answer, wire.decode_request):
        try:
            message, buffers = decode(payload)
        except wire.WireError:
            continue
        assert isinstance(message, wire.Message)
        assert sum(len(buffer) for buffer in buffers) <= len(payload)


@given(st.binary(max_size=300))
@settings(database=None)
def test_random_bytes_raise_nothing_but_a_wire_error(payload: bytes) -> None:
    assert_decoded_or_refused(payload)
    assert_decoded_or_refused(framed(payload))


@given(
    st.sampled_from([joined(*pair) for pair in [*REQUESTS, *ANSWERS]]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(-5, 5),
)
@settings(database=None)
def test_a_mutated_message_raises_nothing_but_a_wire_error(
    payload: bytes, changes: list[tuple[int, int]], stretch: int
) -> None:
    mutated = bytearray(payload)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    assert_decoded_or_refused(bytes(mutated[:stretch]) if stretch < 0 else bytes(mutated) + b"x" * stretch)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted({*CALL_JSON, *OUTPUT_JSON})), JSON)
@settings(database=None)
def test_any_json_in_any_field_raises_nothing_but_a_wire_error(name: str, value: object) -> None:
    header = ran(**{name: value}) if name in CALL_JSON else ran_output(**{name: value})
    assert_decoded_or_refused(framed(header, b"abcd"))


def refused(request: dict[str, object]) -> None:
    with pytest.raises(wire.WireError):
        wire.decode_request(framed(request))


@pytest.mark.parametrize(
    "change",
    [
        {"elements": {"lowest": -1024, "span": 3074}},  # float16 does not hold 2049
        {"elements": {"lowest": -2049, "span": 1}},
        {"dtype": "bfloat16"},
        {"dtype": "uint8", "elements": {"lowest": -1, "span": 2}},
        {"dtype": "int8", "elements": {"lowest": 0, "span": 129}},
        {"dtype": "int32", "elements": {"lowest": 0, "span": 2, "exponent": -1}},
        {"elements": {"lowest": 0, "span": 0}},
        {"elements": {"lowest": 0, "span": (1 << 31) + 1}},
        {"elements": {"lowest": 0, "span": 1, "exponent": 1}},
        {"elements": {"lowest": 0, "span": 1, "exponent": -25}},
        {"elements": {"lowest": 0.0, "span": 1}},
        {"elements": {"lowest": 0, "span": 1, "more": 1}},
        {"base_bytes": 11},
        {"base_bytes": (1 << 36) + 2},
        {"sparse": True},
        {"elements": None},
    ],
)
def test_a_base_that_can_not_be_generated_is_a_wire_error(change: dict[str, object]) -> None:
    argument = GENERATED.model_dump(mode="json") | change
    refused({"kind": "generated_replay", "arguments": [argument], "seed": 1, "fresh_byte": 0, "side": "end"})


@pytest.mark.parametrize(
    "change",
    [{"seeds": []}, {"seeds": [1 << 64]}, {"seeds": [-1]}, {"seeds": [0] * 17}, {"seeds": [1.0]}, {"calls": 0}],
)
def test_a_request_to_time_is_capped(change: dict[str, object]) -> None:
    argument = GENERATED.model_dump(mode="json")
    refused({"kind": "time", "arguments": [argument], "seeds": [1], "operator": "relu", "calls": 10} | change)


@pytest.mark.parametrize(
    "change",
    [
        {"stretches": []},
        {"stretches": [{"start": 0, "count": 0}]},
        {"stretches": [{"start": -1, "count": 1}]},
        {"stretches": [{"start": 0, "count": 1}] * 4097},
        {"axis": 8},
        {"kept": 16},
    ],
)
def test_a_request_for_rows_is_capped(change: dict[str, object]) -> None:
    refused({"kind": "rows", "kept": 0, "axis": 0, "stretches": [{"start": 0, "count": 1}]} | change)


def test_a_runner_without_a_device_generates_nothing() -> None:
    conditions = CONDITIONS[0].model_dump(mode="json")
    arguments = [GENERATED.model_dump(mode="json")]
    refused({"kind": "run", "arguments": arguments, "conditions": [conditions], "output_cap_bytes": 0})

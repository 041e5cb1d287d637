"""Messages to begin from, and what is done to them: the vocabulary of a program that lies to the host's parser.

A `Cursor` turns any bytes into choices, so that whoever chooses the bytes (Hypothesis, a coverage-guided fuzzer, a
stored corpus) chooses the lies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from runners import wire
from runners.specialisation import (
    Compiled,
    CompileFailed,
    Constant,
    DtypeConstant,
    Foreign,
    FunctionConstant,
    KernelName,
    LaunchArgument,
    NotCompiled,
    Number,
    Pointer,
    Resources,
    Several,
    Specialisation,
)

KERNEL: Final = KernelName(module="candidate", qualname="k", line=1)
ARGUMENTS: Final = tuple(
    LaunchArgument(name="x", value=value)
    for value in (
        Constant(value=None), DtypeConstant(library="torch", name="float32"), FunctionConstant(function=KERNEL),
        Pointer(dtype="float32", aligned=True), Number(value=3), Foreign(type_name="object"),
        Several(items=(Several(items=()), Constant(value="x"))),
    )
)  # fmt: skip
LAUNCH: Final = Specialisation(kernel=KERNEL, arguments=ARGUMENTS, options=(), configurations=2, gap=None)
OUTPUT: Final = wire.Output(dtype="float32", shape=(1, 2), contiguous=True, device="cpu", data_bytes=8)
FAULT: Final = wire.Fault(kind="double_store", argument=None, allocation=1, element=-3, line=4, program=(0, 1, 2),
                          other=None)  # fmt: skip
DIGESTS: Final = ("00" * 16,)
PLAIN: Final = wire.Returned(single=True, outputs=(OUTPUT,), launches=1, atomics=False, argument_digests=DIGESTS)
RICH: Final = wire.Returned(single=False, outputs=(OUTPUT, OUTPUT), launches=1, atomics=True, argument_digests=DIGESTS,
                            faults=(FAULT,), specialisations=(LAUNCH,))  # fmt: skip
RAISED: Final = wire.Raised(error="ValueError", message="m", line=3)
UNSUPPORTED: Final = wire.Unsupported(reason="r", line=None)
USED: Final = Resources(registers=32, spill_bytes=0, shared_bytes=0, tensor_memory_columns=0, threads=128)

# Each with the bytes of its buffers. Two calls, one call, and what answers the other requests.
ANSWERS: Final[tuple[tuple[wire.Message, bytes], ...]] = (
    (wire.Ran(calls=(PLAIN, PLAIN)), b"abcdefgh" * 2),
    (wire.Ran(calls=(RICH,)), b"abcdefgh" * 2),
    (wire.Ran(calls=(RAISED, UNSUPPORTED)), b""),
    (wire.Ran(calls=(wire.ReturnedOther(type_name="NoneType"),)), b""),
    (wire.Ran(calls=()), b""),
    (wire.Loaded(), b""),
    (RAISED, b""),
    (UNSUPPORTED, b""),
    (wire.Greeting(python="3", torch="2", triton="3", interpreter_repaired=True), b""),
    (Compiled(resources=USED), b""),
    (Compiled(resources=None), b""),
    (CompileFailed(error="E", message="m", line=1, passed_over=False), b""),
    (NotCompiled(reason="r"), b""),
)
HEADERS: Final = tuple(message.model_dump_json().encode() for message, _ in ANSWERS)
BUFFERS: Final = tuple(data for _, data in ANSWERS)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _spans(header: bytes) -> Iterator[tuple[int, int]]:
    """Where the values of a header begin and end, the keys of its objects included."""
    text = header.decode("ascii")
    for at in range(1, len(text)):
        if text[at - 1] in ":[,{":
            with suppress(ValueError):
                yield at, json.JSONDecoder().raw_decode(text, at)[1]


WORDS: Final = (
    b"null", b"true", b"false", b"0", b"-1", b"1.0", b"1e999", b"NaN", b"-Infinity", b"281474976710657", b"9" * 40,
    b'""', b'"\\ud800"', b'"\\u0000"', b'"\\u001b[2J"', b"\xff", b"\x00", b"[", b"]", b"{", b"}", b",", b":", b'"',
    b"[" * 300, b'{"kind":"several","items":[', b'"kind":"ran"', b'"kind":"returned"', b'"kind":"tensor"', b'"x":1',
    b'"data_bytes":0', b'"shape":[281474976710656,281474976710656]', b"/*", b" " * 50, b'"' + b"x" * 2001 + b'"',
)  # fmt: skip
VALUES: Final = (
    *(word for word in WORDS if _is_json(word)),
    b"[]", b"{}", b'"raised"', b"1", b"-9223372036854775809", b"4294967296", b"[null]", b"[[],[]]", b"[0,0,0]",
    b'"' + b"y" * 2000 + b'"', b"[" + b",".join([b"0"] * 70) + b"]", b"9" * 4300, b"9" * 4301, b'"\\u00e9\\n"',
    b'{"kind":"several","items":[' * 8 + b"]}" * 8, b'{"kind":"several","items":[' * 9 + b"]}" * 9,
)  # fmt: skip
SPANS: Final = tuple(tuple(_spans(header)) for header in HEADERS)
LENGTHS: Final = (0, 1, 7, 8, 1 << 20, (1 << 20) + 1, 1 << 21, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63, (1 << 64) - 1)


class Cursor:
    """Reads choices off bytes; past the end every choice is 0."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes were not read."""
        return max(0, len(self._data) - self._at)

    def byte(self) -> int:
        """One byte."""
        at = self._at
        self._at = at + 1
        return self._data[at] if at < len(self._data) else 0

    def below(self, limit: int) -> int:
        """A number below `limit`, which is at most 65536."""
        return (self.byte() if limit <= 256 else self.byte() | self.byte() << 8) % limit

    def take(self, count: int) -> bytes:
        """Up to `count` bytes."""
        part = self._data[self._at : self._at + count]
        self._at += count
        return part


def altered(number: int, cursor: Cursor) -> bytes:
    """Returns header `number`, well-formed, with up to two of its values or keys replaced, some by those of others."""
    header, spans = HEADERS[number], SPANS[number]
    for _ in range(cursor.below(3)):
        start, end = spans[cursor.below(len(spans))]
        source = cursor.byte()
        if source < 128:
            value = VALUES[source % len(VALUES)]
        else:
            other = source % len(HEADERS)
            first, last = SPANS[other][cursor.below(len(SPANS[other]))]
            value = HEADERS[other][first:last]
        if end <= len(header):
            header = header[:start] + value + header[end:]
    return header


def spoilt(text: bytes, cursor: Cursor) -> bytes:
    """Returns `text` after up to three edits: other bytes, a word put in, a part gone, doubled or moved."""
    for _ in range(cursor.below(4)):
        kind, at, length = cursor.below(5), cursor.below(max(1, min(len(text), 65536))), cursor.below(32)
        match kind:
            case 0:
                text = text[:at] + cursor.take(1 + length % 4) + text[at + 1 + length % 4 :]
            case 1:
                text = text[:at] + WORDS[cursor.below(len(WORDS))] + text[at + length :]
            case 2:
                text = text[:at] + text[at + length :]
            case 3:
                text = text[:at] + text[at : at + 8 * length] + text[at:]
            case _:
                text = text[at:] + text[:at]
    return text


def lied(length: int, cursor: Cursor) -> int:
    """Returns `length`, or in one case of four another."""
    choice = cursor.byte()
    if choice < 192:
        return length
    return max(0, length + choice - 208) if choice < 224 else LENGTHS[choice % len(LENGTHS)]

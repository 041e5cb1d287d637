"""The wire format between judge and runner: typed JSON headers, raw tensor bytes, nothing executable.

A message is the payload of one frame (`sandbox.frames`):

    u32 little-endian header length | header, JSON in UTF-8 | buffers, back to back

The header says how long each buffer is; a message whose buffers do not add up to its length to the byte is refused.
This module is the only one that both sides import. On the host, everything that `decode_answer` returns is a claim of
an untrusted process: types and sizes are checked here, truth is not.

Tensors travel as the whole one-dimensional base buffer plus shape, strides and offset, so that the runner sees the
layout that the judge chose, with the judge's bytes in the gaps. Outputs travel as contiguous bytes of the logical
tensor, in C order.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview

HEADER_LENGTH: Final = struct.Struct("<I")
HEADER_CAP_BYTES: Final = 1 << 20
ARGUMENTS_CAP: Final = 32
RANK_CAP: Final = 8
TEXT_CAP: Final = 2000

DTYPES: Final = (
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn",
    "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip
Text = Annotated[str, Field(max_length=TEXT_CAP)]
Size = Annotated[int, Field(ge=0, le=1 << 48)]
Line = Annotated[int, Field(ge=0, le=1 << 31)]
Sizes = Annotated[tuple[Size, ...], Field(max_length=RANK_CAP)]


class WireError(Exception):
    """A message is not of this format; the text says in which way."""


class Message(BaseModel):
    """Base of everything on the wire: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")


class TensorArgument(Message):
    """A tensor: `base_bytes` bytes of base buffer follow; strides and offset count elements of `dtype`."""

    kind: Literal["tensor"] = "tensor"
    dtype: Literal[DTYPES]  # type: ignore[valid-type]  # one list serves both as data and as type
    shape: Sizes
    strides: Sizes
    offset: Size
    base_bytes: Size


class ScalarArgument(Message):
    """A plain Python scalar."""

    kind: Literal["scalar"] = "scalar"
    value: bool | int | float


Argument = Annotated[TensorArgument | ScalarArgument, Field(discriminator="kind")]


class Conditions(Message):
    """How one run of a case is perturbed; a right kernel returns the same under all conditions.

    Attributes:
        fresh_byte: Every byte of memory that the candidate allocates without initialising it.
        order_seed: Program instances run in an order drawn from this seed; None is the natural order.
        choice_seed: Decides which configuration an autotuned kernel uses. The calls of one case share it: another
            configuration may add in another order, and then results rightly differ in their last bits.
        undefined_lanes: Masked-off lanes of a load without `other` hold NaN (floats) or a large value (integers).
    """

    fresh_byte: Annotated[int, Field(ge=0, le=255)]
    order_seed: int | None
    choice_seed: int
    undefined_lanes: bool


class LoadRequest(Message):
    """Execute the candidate's module; `source_bytes` bytes of UTF-8 follow. At most once a runner."""

    kind: Literal["load"] = "load"
    entry: Text
    source_bytes: Size


class RunRequest(Message):
    """Call the candidate once under each of `conditions`; the buffers of the tensor arguments follow in order.

    The runner sends outputs of a call only while they are within `output_cap_bytes`.
    """

    kind: Literal["run"] = "run"
    arguments: Annotated[tuple[Argument, ...], Field(max_length=ARGUMENTS_CAP)]
    conditions: Annotated[tuple[Conditions, ...], Field(min_length=1, max_length=8)]
    output_cap_bytes: Size


class Greeting(Message):
    """What a fresh runner says, before it has seen any candidate."""

    kind: Literal["greeting"] = "greeting"
    python: Text
    torch: Text
    triton: Text
    interpreter_repaired: bool


class Loaded(Message):
    """The module was executed and has the entry."""

    kind: Literal["loaded"] = "loaded"


class Raised(Message):
    """Candidate code raised. `line` is the innermost line of the candidate's file on the trace, if any."""

    kind: Literal["raised"] = "raised"
    error: Text
    message: Text
    line: Line | None


class Unsupported(Message):
    """The interpreter cannot run this; not the candidate's fault."""

    kind: Literal["unsupported"] = "unsupported"
    reason: Text
    line: Line | None


class Output(Message):
    """One returned tensor; `data_bytes` bytes follow, 0 when they were over the cap or the tensor is not plain."""

    dtype: Text
    shape: Sizes
    contiguous: bool
    device: Text
    data_bytes: Size


class Returned(Message):
    """The candidate returned tensors (`single`: one tensor rather than a tuple).

    Attributes:
        launches: Kernel launches during the call.
        atomics: Whether an atomic operation was executed.
        argument_digests: BLAKE2b-128 of each tensor argument's base buffer after the call, in order.
    """

    kind: Literal["returned"] = "returned"
    single: bool
    outputs: Annotated[tuple[Output, ...], Field(max_length=ARGUMENTS_CAP)]
    launches: Size
    atomics: bool
    argument_digests: Annotated[tuple[Text, ...], Field(max_length=ARGUMENTS_CAP)]


class ReturnedOther(Message):
    """The candidate returned something that is neither a tensor nor a tuple of tensors."""

    kind: Literal["returned_other"] = "returned_other"
    type_name: Text


Call = Annotated[Returned | ReturnedOther | Raised | Unsupported, Field(discriminator="kind")]


class Ran(Message):
    """What each call did, in the order of the request's conditions; the buffers of all outputs follow."""

    kind: Literal["ran"] = "ran"
    calls: Annotated[tuple[Call, ...], Field(max_length=8)]


Request = LoadRequest | RunRequest
Answer = Greeting | Loaded | Raised | Unsupported | Ran

_REQUEST: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_ANSWER: Final[TypeAdapter[Answer]] = TypeAdapter(Annotated[Answer, Field(discriminator="kind")])


def encode(message: Message, buffers: Sequence[Buffer] = ()) -> list[Buffer]:
    """Returns the parts of the payload; the buffers are not copied."""
    header = message.model_dump_json().encode()
    return [HEADER_LENGTH.pack(len(header)) + header, *buffers]


def decode_request(payload: bytes) -> tuple[Request, list[memoryview]]:
    """Splits a request from the judge into header and buffers (runner side).

    Raises:
        WireError: the payload is not a request.
    """
    header, rest = _split(payload)
    request = _validate(_REQUEST, header)
    match request:
        case LoadRequest(source_bytes=length):
            lengths = [length]
        case RunRequest(arguments=arguments):
            lengths = [argument.base_bytes for argument in arguments if isinstance(argument, TensorArgument)]
    return request, _cut(rest, lengths)


def decode_answer(payload: bytes) -> tuple[Answer, list[memoryview]]:
    """Splits an answer of the runner into header and buffers (host side); the result is a claim.

    Raises:
        WireError: the payload is not an answer.
    """
    header, rest = _split(payload)
    answer = _validate(_ANSWER, header)
    lengths: list[int] = []
    if isinstance(answer, Ran):
        lengths = [output.data_bytes for call in answer.calls if isinstance(call, Returned) for output in call.outputs]
    return answer, _cut(rest, lengths)


def _split(payload: bytes) -> tuple[memoryview, memoryview]:
    view = memoryview(payload)
    if len(view) < HEADER_LENGTH.size:
        raise WireError("the message is shorter than its header length")
    (length,) = HEADER_LENGTH.unpack(view[: HEADER_LENGTH.size])
    if length > HEADER_CAP_BYTES or length > len(view) - HEADER_LENGTH.size:
        raise WireError(f"a header of {length} bytes is announced in a message of {len(view)}")
    end = HEADER_LENGTH.size + length
    return view[HEADER_LENGTH.size : end], view[end:]


def _validate(adapter: TypeAdapter[T], header: memoryview) -> T:
    try:
        return adapter.validate_json(bytes(header))
    except ValidationError as error:
        first = json.dumps(error.errors(include_input=False, include_url=False)[0]["msg"])
        raise WireError(f"the header does not validate: {first}") from None


def _cut(rest: memoryview, lengths: Sequence[int]) -> list[memoryview]:
    if sum(lengths) != len(rest):
        raise WireError(f"the header announces {sum(lengths)} bytes of buffers, {len(rest)} came")
    buffers = []
    start = 0
    for length in lengths:
        buffers.append(rest[start : start + length])
        start += length
    return buffers

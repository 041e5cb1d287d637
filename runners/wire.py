"""The wire format between judge and runner: typed JSON headers, raw tensor bytes, nothing executable.

A message is the payload of one frame (`sandbox.frames`):

    u32 little-endian header length | header, JSON in UTF-8 | buffers, back to back

The header says how long each buffer is; a message whose buffers do not add up to its length to the byte is refused.
What a header costs is bounded however badly it is formed: its values are counted before it is parsed, lists end at
their first bad item, tuples nest a few levels deep, and what is said about an error is short.
This module is, with those on which it is built and `generating`, all that both sides import. On the host,
everything that `decode_answer` returns is a claim of an untrusted process: types and sizes are checked here, truth is
not.

Tensors travel as the whole one-dimensional base buffer plus shape, strides and offset, so that the runner sees the
layout that the judge chose, with the judge's bytes in the gaps; or as the numbers from which their base is generated.
Outputs travel as contiguous bytes of the logical tensor, in C order.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from runners.argument_messages import DTYPES as DTYPES
from runners.argument_messages import ITEM_BYTES as ITEM_BYTES
from runners.argument_messages import RANK_CAP as RANK_CAP
from runners.argument_messages import Argument as Argument
from runners.argument_messages import Elements as Elements
from runners.argument_messages import Given, Seed, Sizes
from runners.argument_messages import ScalarArgument as ScalarArgument
from runners.argument_messages import TensorArgument as TensorArgument
from runners.device_messages import REPORT_CAP as REPORT_CAP
from runners.device_messages import Baseline as Baseline
from runners.device_messages import CardMeasured as CardMeasured
from runners.device_messages import CardRequest as CardRequest
from runners.device_messages import Clocks as Clocks
from runners.device_messages import Code as Code
from runners.device_messages import DeviceFaultName as DeviceFaultName
from runners.device_messages import GeneratedReplayRequest as GeneratedReplayRequest
from runners.device_messages import HealthRequest as HealthRequest
from runners.device_messages import Healthy as Healthy
from runners.device_messages import PlanLoaded as PlanLoaded
from runners.device_messages import PlanRefused as PlanRefused
from runners.device_messages import PlanRequest as PlanRequest
from runners.device_messages import Planted as Planted
from runners.device_messages import PlantRequest as PlantRequest
from runners.device_messages import Replayed as Replayed
from runners.device_messages import ReplayFailed as ReplayFailed
from runners.device_messages import ReplayRequest as ReplayRequest
from runners.device_messages import Report as Report
from runners.device_messages import ReportRequest as ReportRequest
from runners.device_messages import Rows as Rows
from runners.device_messages import RowsRequest as RowsRequest
from runners.device_messages import Stretch as Stretch
from runners.device_messages import Timed as Timed
from runners.device_messages import TimeRequest as TimeRequest
from runners.launch_plan import LaunchPlan
from runners.message import ARGUMENTS_CAP as ARGUMENTS_CAP
from runners.message import TEXT_CAP as TEXT_CAP
from runners.message import FirstError, Line, Size, Text
from runners.message import Message as Message
from runners.specialisation import (
    SPECIALISATIONS_CAP,
    Compiled,
    CompileFailed,
    CompileRequest,
    NotCompiled,
    Specialisation,
)

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview

HEADER_LENGTH: Final = struct.Struct("<I")
HEADER_CAP_BYTES: Final = 1 << 20
VALUES_CAP: Final = 1 << 17
ERRORS_TOLD: Final = 8
ERROR_COLUMNS: Final = 200
FAULTS_CAP: Final = 16


class WireError(Exception):
    """A message is not of this format; the text says in which way."""


class Conditions(Message):
    """How one run of a case is perturbed; a right kernel returns the same under all conditions.

    Attributes:
        fresh_byte: Every byte of memory that the candidate allocates without initialising it.
        order_seed: Program instances run in an order drawn from this seed; None is the natural order.
        choice_seed: Decides which configuration an autotuned kernel uses, and the order of elements that a compiler may
            reorder. The calls of one case share it: another configuration may add in another order, and then results
            rightly differ in their last bits.
        undefined_lanes: Masked-off lanes of a load without `other` hold NaN (floats) or a large value (integers).
        noise_seed: Arithmetic errs as a GPU's may, drawn from this seed. None: as exact as it gets.
    """

    fresh_byte: Annotated[int, Field(ge=0, le=255)]
    order_seed: int | None
    choice_seed: int
    undefined_lanes: bool
    noise_seed: int | None = None


Role = Literal["candidate", "control"]


class LoadRequest(Message):
    """Execute a module; `source_bytes` bytes of UTF-8 follow. At most one of each role a runner.

    Attributes:
        role: `control` is a planted fault of the judge's, loaded beside the candidate: is it still reported?
    """

    kind: Literal["load"] = "load"
    role: Role = "candidate"
    entry: Text
    source_bytes: Size


class RunRequest(Message):
    """Call the entry of `role` once under each of `conditions`; the buffers of the tensor arguments follow in order.

    The runner sends outputs of a call only while they are within `output_cap_bytes`.
    """

    kind: Literal["run"] = "run"
    role: Role = "candidate"
    arguments: Given
    conditions: Annotated[tuple[Conditions, ...], Field(min_length=1, max_length=8), FirstError]
    output_cap_bytes: Size


class RecordRequest(Message):
    """Call the entry once on the GPU and say what it did there as a launch plan; the arguments' buffers follow.

    Attributes:
        configuration: Which of its configurations an autotuned kernel takes, counted around; None lets it time them.
        seed: What bases are generated from that are.
    """

    kind: Literal["record"] = "record"
    arguments: Annotated[tuple[Argument, ...], Field(max_length=ARGUMENTS_CAP), FirstError]
    output_cap_bytes: Size
    seed: Seed = 0
    configuration: Annotated[int, Field(ge=0, le=255)] | None = None


class Greeting(Message):
    """What a fresh runner says, before it has seen any candidate.

    Attributes:
        device: Name, compute capability and driver of the GPU that it runs on; None where there is none.
    """

    kind: Literal["greeting"] = "greeting"
    python: Text
    torch: Text
    triton: Text
    interpreter_repaired: bool
    device: Text | None = None


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


FaultKind = Literal[
    "out_of_bounds_load", "out_of_bounds_store", "foreign_argument", "uninitialised_read",
    "write_to_input", "aliased_output", "double_store", "unsynchronised",
]  # fmt: skip
Grid = tuple[Size, Size, Size]


class Fault(Message):
    """An access that no right kernel makes, as seen from inside (`runners.inside.interpreter.monitor`).

    Attributes:
        argument: Number of the argument of the call that was touched; None where it was memory of the candidate's.
        allocation: Number of the candidate's allocation in the call; None where it was an argument, or unknown.
        element: Which element of it, counted from its first, along memory, in elements of the access.
        line: Line of the candidate's file.
        program: Grid coordinates of the program instance; `other`: of the one that it does not go together with.
    """

    kind: FaultKind
    argument: Size | None
    allocation: Size | None
    element: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
    line: Line | None
    program: Grid | None
    other: Grid | None


class Returned(Message):
    """The candidate returned tensors (`single`: one tensor rather than a tuple).

    Attributes:
        launches: Kernel launches during the call.
        atomics: Whether an atomic operation was executed.
        argument_digests: BLAKE2b-128 of each tensor argument's base buffer after the call, in order; of its elements
            alone where it is sparse.
        faults: Accesses that no right kernel makes, the first few.
        specialisations: What its launches would be compiled for; each is sent once by a runner.
    """

    kind: Literal["returned"] = "returned"
    single: bool
    outputs: Annotated[tuple[Output, ...], Field(max_length=ARGUMENTS_CAP), FirstError]
    launches: Size
    atomics: bool
    argument_digests: Annotated[tuple[Text, ...], Field(max_length=ARGUMENTS_CAP), FirstError]
    faults: Annotated[tuple[Fault, ...], Field(max_length=FAULTS_CAP), FirstError] = ()
    specialisations: Annotated[tuple[Specialisation, ...], Field(max_length=SPECIALISATIONS_CAP), FirstError] = ()


class ReturnedOther(Message):
    """The candidate returned something that is neither a tensor nor a tuple of tensors."""

    kind: Literal["returned_other"] = "returned_other"
    type_name: Text


Call = Annotated[Returned | ReturnedOther | Raised | Unsupported, Field(discriminator="kind")]


class Ran(Message):
    """What each call did, in the order of the request's conditions; the buffers of all outputs follow."""

    kind: Literal["ran"] = "ran"
    calls: Annotated[tuple[Call, ...], Field(max_length=8), FirstError]


class Recorded(Message):
    """What the call did; the bytes of its outputs follow, then the machine code of the plan's kernels.

    Attributes:
        reason: Why there is no plan, where there is none.
    """

    kind: Literal["recorded"] = "recorded"
    call: Call
    plan: LaunchPlan | None
    reason: Text | None


Request = (
    LoadRequest | RunRequest | CompileRequest
    | RecordRequest | PlanRequest | ReplayRequest | GeneratedReplayRequest | RowsRequest
    | PlantRequest | ReportRequest | TimeRequest | CardRequest | HealthRequest
)  # fmt: skip
Answer = (
    Greeting | Loaded | Raised | Unsupported | Ran | Compiled | CompileFailed | NotCompiled
    | Recorded | PlanLoaded | PlanRefused | Replayed | ReplayFailed | Rows | Planted | Report | Timed | CardMeasured
    | Healthy
)  # fmt: skip

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
        case RunRequest(arguments=arguments) | RecordRequest(arguments=arguments):
            lengths = [argument.travelling_bytes for argument in arguments if isinstance(argument, TensorArgument)]
        case PlanRequest(plan=plan):
            lengths = [kernel.cubin_bytes for kernel in plan.kernels]
        case ReplayRequest(base_bytes=sizes):
            lengths = list(sizes)
        case _:
            lengths = []
    return request, _cut(rest, lengths)


def decode_answer(payload: bytes) -> tuple[Answer, list[memoryview]]:
    """Splits an answer of the runner into header and buffers (host side); the result is a claim.

    Raises:
        WireError: the payload is not an answer.
    """
    header, rest = _split(payload)
    answer = _validate(_ANSWER, header)
    match answer:
        case Ran(calls=calls):
            lengths = _output_bytes(calls)
        case Recorded(call=call, plan=plan):
            lengths = [*_output_bytes((call,)), *(kernel.cubin_bytes for kernel in (plan.kernels if plan else ()))]
        case Replayed(output_bytes=sizes) | Rows(output_bytes=sizes):
            lengths = list(sizes)
        case _:
            lengths = []
    return answer, _cut(rest, lengths)


def _output_bytes(calls: Sequence[Call]) -> list[int]:
    return [output.data_bytes for call in calls if isinstance(call, Returned) for output in call.outputs]


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
    text = bytes(header)
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > VALUES_CAP:
        # The parser builds all of a document before anything of it is checked, at some 60 bytes a value.
        raise WireError(f"the header holds more than {VALUES_CAP} values")
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise WireError(f"the header does not validate: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """What is wrong first, cut short: it may quote the sender. Of very many errors no list is made."""
    if error.error_count() > ERRORS_TOLD:
        return f"{error.error_count()} errors"
    return json.dumps(error.errors(include_input=False, include_url=False, include_context=False)[0]["msg"])[
        :ERROR_COLUMNS
    ]


def _cut(rest: memoryview, lengths: Sequence[int]) -> list[memoryview]:
    if sum(lengths) != len(rest):
        raise WireError(f"the header announces {sum(lengths)} bytes of buffers, {len(rest)} came")
    buffers = []
    start = 0
    for length in lengths:
        buffers.append(rest[start : start + length])
        start += length
    return buffers

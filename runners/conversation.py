"""The host's side of the conversation with one runner: typed requests out, checked claims in.

Everything that comes back is bounded before it is read (`cap_bytes`) and validated after. A runner that sends something
else has broken the protocol; that is an outcome like a crash, and the worker is ended.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from runners import wire
from runners.candidate import Candidate
from runners.dtypes import TORCH_DTYPES
from runners.materialise import ArgumentValue, TensorValue
from sandbox.contract import Reply, Worker
from sandbox.outcomes import Outcome, ProtocolBroken, SandboxFault
from sandbox.printable import printable
from sandbox.usage import Usage

HEADER_ROOM_BYTES: Final = 2 * wire.HEADER_CAP_BYTES


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one call did, with the bytes of its outputs where it returned some."""

    call: wire.Returned | wire.ReturnedOther | wire.Raised | wire.Unsupported
    data: tuple[memoryview, ...]


class RunnerFault(Exception):
    """Our side failed while the runner was in use; says nothing about the candidate."""


class Runner:
    """One warm worker, used for one candidate. Not thread-safe."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._has_ended = False

    @property
    def usage(self) -> Usage | None:
        """What the worker used and left, as seen from outside; None before it has ended."""
        return self._worker.usage if self._has_ended else None

    @property
    def greeting(self) -> wire.Greeting:
        """The versions inside.

        Raises:
            RunnerFault: the worker did not greet; no candidate was involved yet.
        """
        answer = self._decode(self._worker.greeting())
        if not isinstance(answer, tuple) or not isinstance(answer[0], wire.Greeting):
            words = printable(self._worker.last_words().strip()[-500:])
            raise RunnerFault(f"a fresh runner did not greet: {answer}" + (f"; it wrote: {words}" if words else ""))
        return answer[0]

    def load(self, candidate: Candidate, deadline_s: float) -> wire.Loaded | wire.Raised | wire.Unsupported | Outcome:
        """Executes the candidate's module in the runner."""
        return self._load("candidate", candidate.entry, candidate.source, deadline_s)

    def load_control(
        self, source: bytes, entry: str, deadline_s: float
    ) -> wire.Loaded | wire.Raised | wire.Unsupported | Outcome:
        """Executes a module of the judge's beside the candidate's."""
        return self._load("control", entry, source, deadline_s)

    def _load(
        self, role: wire.Role, entry: str, source: bytes, deadline_s: float
    ) -> wire.Loaded | wire.Raised | wire.Unsupported | Outcome:
        request = wire.LoadRequest(role=role, entry=entry, source_bytes=len(source))
        answer = self._ask(wire.encode(request, [source]), deadline_s, HEADER_ROOM_BYTES)
        match answer:
            case (wire.Loaded() | wire.Raised() | wire.Unsupported() as loaded, _):
                return loaded
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a load request")
        return answer

    def run(
        self,
        arguments: Sequence[ArgumentValue],
        conditions: tuple[wire.Conditions, ...],
        output_cap_bytes: int,
        deadline_s: float,
        role: wire.Role = "candidate",
    ) -> tuple[CallResult, ...] | Outcome:
        """Calls the candidate, or the control, once under each of `conditions`."""
        request = wire.RunRequest(
            role=role,
            arguments=tuple(on_wire(argument) for argument in arguments),
            conditions=conditions,
            output_cap_bytes=output_cap_bytes,
        )
        buffers = [argument.base_bytes for argument in arguments if isinstance(argument, TensorValue)]
        cap = HEADER_ROOM_BYTES + len(conditions) * output_cap_bytes
        answer = self._ask(wire.encode(request, buffers), deadline_s, cap)
        match answer:
            case (wire.Ran(calls=calls), data) if len(calls) == len(conditions):
                return results_of(calls, data)
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a run request for {len(conditions)} calls")
        return answer

    def abort(self) -> None:
        """Ends an exchange under way, from another thread; whoever uses the runner still ends it."""
        self._worker.abort()

    def end(self) -> None:
        """Ends the worker; safe to call twice."""
        self._worker.end()
        self._has_ended = True

    def _ask(
        self, request: list[wire.Buffer], deadline_s: float, cap_bytes: int
    ) -> tuple[wire.Answer, list[memoryview]] | Outcome:
        return self._decode(self._worker.exchange(request, deadline_s=deadline_s, cap_bytes=cap_bytes))

    def _decode(self, reply: Reply | Outcome) -> tuple[wire.Answer, list[memoryview]] | Outcome:
        match reply:
            case Reply(payload=payload):
                try:
                    return wire.decode_answer(payload)
                except wire.WireError as error:
                    return self._broken(str(error))
            case SandboxFault(reason=reason):
                raise RunnerFault(reason)
        return reply

    def _broken(self, reason: str) -> ProtocolBroken:
        self.end()
        return ProtocolBroken(reason)


def tensor_of(output: wire.Output, data: memoryview) -> torch.Tensor:
    """Returns the output as a CPU tensor over the received bytes; `data` has the announced length.

    Raises:
        ValueError: dtype, shape and length do not agree.
    """
    dtype = TORCH_DTYPES.get(output.dtype)
    if dtype is None or math.prod(output.shape) * wire.ITEM_BYTES[output.dtype] != len(data):
        raise ValueError(f"{output.shape} of dtype {output.dtype} in {len(data)} bytes")
    if not len(data):
        return torch.empty(output.shape, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(output.shape)


def on_wire(argument: ArgumentValue) -> wire.TensorArgument | wire.ScalarArgument:
    """Returns the header that describes an argument; a tensor's bytes follow as a buffer."""
    if isinstance(argument, TensorValue):
        return wire.TensorArgument(
            dtype=argument.dtype,
            shape=argument.shape,
            strides=argument.strides,
            offset=argument.offset,
            base_bytes=argument.mapped_bytes,
            sparse=argument.sparse,
        )
    return wire.ScalarArgument(value=argument.value)


def results_of(calls: Sequence[wire.Call], data: list[memoryview]) -> tuple[CallResult, ...]:
    """Gives each call the buffers of its outputs."""
    results = []
    for call in calls:
        count = len(call.outputs) if isinstance(call, wire.Returned) else 0
        results.append(CallResult(call, tuple(data[:count])))
        data = data[count:]
    return tuple(results)

"""What the tests of the judge share: a runner in this process that answers with what a Python function computes.

It speaks the real wire format, so that all of the host's side is under test; only the container is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Self

import pytest
import torch

from runners import wire
from runners.candidate import Candidate
from runners.cases import Case
from runners.conversation import Runner
from runners.operators import OPERATORS
from runners.plans import pairwise
from sandbox.contract import Buffer, Reply
from sandbox.outcomes import Finished, Outcome
from sandbox.usage import Usage

GREETING = wire.Greeting(python="3.11.2", torch="2.13.0", triton="3.9.0", interpreter_repaired=True)


class Ends(BaseException):
    """Raised by a function under test: the runner's process ends in this way."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class CannotRun(BaseException):
    """Raised by a function under test: the interpreter can't run it."""


class FakeWorker:
    """One runner; `stage.answer` is what it computes."""

    def __init__(self, stage: FakeRunners) -> None:
        self._stage = stage
        self._outcome: Outcome | None = None
        self.name = "fake"
        self.usage = Usage()
        self.ends = 0

    def greeting(self) -> Reply | Outcome:
        greeting = self._stage.greeting
        if isinstance(greeting, wire.Message):
            return Reply(b"".join(wire.encode(greeting)))
        return greeting

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        if self._outcome is None:
            try:
                return Reply(self._stage.answer(b"".join(request)))
            except Ends as end:
                self._outcome = end.outcome
        return self._outcome

    def ended(self) -> Outcome | None:
        return self._outcome

    def last_words(self) -> str:
        return "last words"

    def end(self) -> Outcome:
        self.ends += 1
        self._outcome = self._outcome or Finished()
        return self._outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class FakeRunners:
    """A source of runners. `function` is called with the arguments, `loading` when the module is loaded.

    Attributes:
        conditions: The conditions of the call that is going on.
        alter: What is done to each answer before it is encoded.
        alter_bytes: What is done to its bytes.
    """

    Ends = Ends
    CannotRun = CannotRun

    def __init__(self, function: Callable[..., Any], *, launches: int = 1, atomics: bool = False) -> None:
        self.function = function
        self.launches = launches
        self.atomics = atomics
        self.greeting: wire.Message | Reply | Outcome = GREETING
        self.loading: Callable[[], wire.Message] = wire.Loaded
        self.alter: Callable[[wire.Message], wire.Message] = lambda answer: answer
        self.alter_bytes: Callable[[bytes], bytes] = lambda answer: answer
        self.workers: list[FakeWorker] = []
        self.calls = 0
        self.conditions = wire.Conditions(fresh_byte=0, order_seed=None, choice_seed=0, undefined_lanes=False)

    def take(self) -> Runner:
        self.workers.append(FakeWorker(self))
        return Runner(self.workers[-1])

    @property
    def left_running(self) -> int:
        return sum(worker.ends == 0 for worker in self.workers)

    def answer(self, payload: bytes) -> bytes:
        request, data = wire.decode_request(payload)
        if isinstance(request, wire.LoadRequest) and request.role == "control":
            return b"".join(wire.encode(wire.Unsupported(reason="there is no interpreter here", line=None)))
        if isinstance(request, wire.LoadRequest):
            return self.alter_bytes(b"".join(wire.encode(self.alter(self.loading()))))
        calls: list[Any] = []
        buffers: list[bytes] = []
        for conditions in request.conditions:
            self.conditions = conditions
            self.calls += 1
            call, outputs = self._call(request.arguments, data)
            calls.append(call)
            buffers += outputs
        return self.alter_bytes(b"".join(wire.encode(self.alter(wire.Ran(calls=tuple(calls))), buffers)))

    def _call(self, arguments: Sequence[wire.Argument], data: list[memoryview]) -> tuple[wire.Message, list[bytes]]:
        remaining = iter(data)
        bases: list[bytearray] = []
        values: list[Any] = []
        for argument in arguments:
            if isinstance(argument, wire.ScalarArgument):
                values.append(argument.value)
                continue
            bases.append(bytearray(next(remaining)))
            dtype = getattr(torch, argument.dtype)
            base = torch.frombuffer(bases[-1], dtype=dtype) if bases[-1] else torch.empty(0, dtype=dtype)
            if argument.sparse:  # its elements alone have come
                values.append(base.view(argument.shape))
            else:
                values.append(base.as_strided(argument.shape, argument.strides, argument.offset))
        try:
            result = self.function(*values)
        except CannotRun as error:
            return wire.Unsupported(reason=str(error), line=5), []
        except Exception as error:  # noqa: BLE001  # whatever the function raises is its answer
            return wire.Raised(error=type(error).__name__, message=str(error), line=7), []
        digests = tuple(hashlib.blake2b(base, digest_size=16).hexdigest() for base in bases)
        return self._returned(result, digests)

    def _returned(self, result: Any, digests: tuple[str, ...]) -> tuple[wire.Message, list[bytes]]:
        tensors = (result,) if isinstance(result, torch.Tensor) else result
        if not isinstance(tensors, tuple):
            return wire.ReturnedOther(type_name=type(result).__name__), []
        data = [tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() for tensor in tensors]
        outputs = tuple(
            wire.Output(dtype=str(tensor.dtype).removeprefix("torch."), shape=tuple(tensor.shape),
                        contiguous=tensor.is_contiguous(), device="cpu", data_bytes=len(bytes_))
            for tensor, bytes_ in zip(tensors, data, strict=True)
        )  # fmt: skip
        returned = wire.Returned(single=isinstance(result, torch.Tensor), outputs=outputs, launches=self.launches,
                                 atomics=self.atomics, argument_digests=digests)  # fmt: skip
        return returned, data


@pytest.fixture
def fake_runners() -> type[FakeRunners]:
    return FakeRunners


@pytest.fixture
def relu_candidate() -> Candidate:
    return Candidate("relu.py", b"...", "...", OPERATORS["relu"], "relu")


@pytest.fixture
def relu_case() -> Case:
    """A plain case: x (2, 7), float32, contiguous."""
    case = next(pairwise(OPERATORS["relu"], 1, ("float32",)))
    plan = {"values": "normal", "special": "none", "position": "first", "layout": "contiguous"}
    changes = {"form": "matrix", "sizes": {"M": 2, "N": 7}, "tensors": {"x": plan}}
    return Case.model_validate(case.model_dump() | changes)


@pytest.fixture
def relu_cases() -> list[Case]:
    return list(islice(pairwise(OPERATORS["relu"], 1, OPERATORS["relu"].dtypes), 30))


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """The machine's other cores belong to the other tests."""
    torch.set_num_threads(1)

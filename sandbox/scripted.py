"""A sandbox without containers: each worker follows a script. For tests of the layers above.

A script is a sequence of steps. The first says how the program starts, each later one how it answers a request; a
worker that ran out of steps leaves with code 0. Time does not pass here: a hang is a `TimedOut` at once.

Deliberately not simulated: anything that depends on bytes in transit. A program that writes half a frame and stops is a
`Hang` to its caller, and that is how it is scripted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, assert_never

from sandbox.contract import ABORTED, Buffer, IsolationProof, LimitProof, Program, Reply, SandboxUnavailable
from sandbox.outcomes import (
    Exited,
    Finished,
    KilledBySignal,
    Outcome,
    OutOfMemory,
    ProtocolBroken,
    SandboxFault,
    TimedOut,
)
from sandbox.usage import UNSEEN, Usage

GREETING_CAP_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Say:
    """Answers with `payload`; as the first step, greets with it."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Answers with what `compute` makes of the request."""

    compute: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answers."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Leaves by itself with `code`."""

    code: int


@dataclass(frozen=True, slots=True)
class Die:
    """Dies of `signal`."""

    signal: int


@dataclass(frozen=True, slots=True)
class ExhaustMemory:
    """Is killed at the memory limit."""


@dataclass(frozen=True, slots=True)
class Babble:
    """Writes what is not a frame."""

    reason: str


@dataclass(frozen=True, slots=True)
class LoseEngine:
    """The engine fails in the middle."""

    reason: str


Step = Say | Answer | Hang | Leave | Die | ExhaustMemory | Babble | LoseEngine


@dataclass(frozen=True, slots=True)
class Script:
    """What one worker does.

    Attributes:
        steps: The greeting, then one step a request.
        repeat_last: The last step answers all further requests.
        at_end: How the program leaves when its input is closed; `Hang` if it does not.
        usage: What is seen of it from outside when it has ended.
        last_words: What it wrote to stderr.
    """

    steps: Sequence[Step]
    repeat_last: bool = False
    at_end: Leave | Hang = Leave(0)
    usage: Usage = UNSEEN
    last_words: str = ""


class ScriptedWorker:
    """A worker that follows a script."""

    def __init__(self, name: str, program: Program, script: Script) -> None:
        self._name = name
        self._limits = program.limits
        self._script = script
        self._taken = 0
        self._greeting: Reply | None = None
        self._outcome: Outcome | None = None
        self._aborted = False

    @property
    def name(self) -> str:
        """A name for logs."""
        return self._name

    @property
    def usage(self) -> Usage:
        """What the script says, once it has ended."""
        return Usage() if self._outcome is None else self._script.usage

    def greeting(self) -> Reply | Outcome:
        """Takes the first step; later calls return it again."""
        if self._outcome is not None:
            return self._outcome
        if self._greeting is None:
            answer = self._play(b"", self._limits.start_deadline_s, GREETING_CAP_BYTES)
            if not isinstance(answer, Reply):
                return answer
            self._greeting = answer
        return self._greeting

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        """Takes the next step."""
        greeting = self.greeting()
        if not isinstance(greeting, Reply):
            return greeting
        return self._play(b"".join(request), deadline_s, cap_bytes)

    def ended(self) -> Outcome | None:
        """The outcome, if there is one."""
        return self._outcome

    def last_words(self) -> str:
        """What the script says."""
        return self._script.last_words

    def abort(self) -> None:
        """Whatever the script says next, it is a fault."""
        self._aborted = True

    def end(self) -> Outcome:
        """Leaves as the script says, unless it ended before."""
        if self._outcome is None:
            match self._script.at_end:
                case Leave(0):
                    self._outcome = Finished()
                case Leave(code):
                    self._outcome = Exited(code)
                case Hang():
                    self._outcome = TimedOut(0.0)
        return self._outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _play(self, request: bytes, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        answer = SandboxFault(ABORTED) if self._aborted else self._perform(self._next_step(), request, deadline_s)
        if isinstance(answer, bytes):
            if len(answer) <= cap_bytes:
                return Reply(answer)
            reason = f"a frame of {len(answer)} bytes was announced, the cap is {cap_bytes}"
            answer = ProtocolBroken(reason)
        self._outcome = answer
        return answer

    def _next_step(self) -> Step:
        steps = self._script.steps
        number = min(self._taken, len(steps) - 1) if self._script.repeat_last else self._taken
        self._taken += 1
        return steps[number] if number < len(steps) else Leave(0)

    def _perform(self, step: Step, request: bytes, deadline_s: float) -> bytes | Outcome:
        match step:
            case Say(payload):
                return payload
            case Answer(compute):
                return compute(request)
            case Hang():
                return TimedOut(deadline_s)
            case Leave(code):
                return Exited(code)
            case Die(signal):
                return KilledBySignal(signal)
            case ExhaustMemory():
                return OutOfMemory(self._limits.memory_bytes)
            case Babble(reason):
                return ProtocolBroken(reason)
            case LoseEngine(reason):
                return SandboxFault(reason)
            case _:
                assert_never(step)


class ScriptedSandbox:
    """Starts workers that follow `script_for(program)`, and remembers them. Thread-safe.

    Attributes:
        started: Every worker so far, for assertions about what was left running.
    """

    def __init__(
        self,
        script_for: Callable[[Program], Script],
        *,
        unavailable: str | None = None,
        limits: Sequence[LimitProof] = (LimitProof("scripted", True, "no container, nothing to escape from"),),
    ) -> None:
        """Sets the scene.

        Args:
            script_for: Which script a program follows.
            unavailable: When given, every start fails with this text, as without an engine.
            limits: What `prove` reports.
        """
        self.started: list[ScriptedWorker] = []
        self._script_for = script_for
        self._unavailable = unavailable
        self._limits = tuple(limits)
        self._numbers = itertools.count(1)

    @classmethod
    def following(cls, *steps: Step) -> Self:
        """Returns a sandbox in which every program takes these steps."""
        return cls(lambda program: Script(steps))

    def start(self, program: Program) -> ScriptedWorker:
        """Starts a worker on the script of `program`.

        Raises:
            SandboxUnavailable: the scene has no engine.
        """
        if self._unavailable is not None:
            raise SandboxUnavailable(self._unavailable)
        worker = ScriptedWorker(f"scripted-{next(self._numbers)}", program, self._script_for(program))
        self.started.append(worker)
        return worker

    def prove(self, program: Program) -> IsolationProof:
        """Reports the limits of the scene.

        Raises:
            SandboxUnavailable: the scene has no engine.
        """
        if self._unavailable is not None:
            raise SandboxUnavailable(self._unavailable)
        return IsolationProof("scripted", "none", "none", program.image, self._limits)

    def reap(self) -> int:
        """Nothing of a script outlives its process."""
        return 0

    def close(self) -> None:
        """Nothing of a script is left."""

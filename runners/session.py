"""A candidate in a runner, moved to a fresh one whenever the last one ended.

The session alone knows that runners die. Who asks for a case gets a value: agreed, unsupported, or a failure; what may
not be the candidate's doing was done again by then (`runners.again`).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from runners import wire
from runners.again import ONLY_KILLED, Again, doubt_about
from runners.candidate import Candidate
from runners.cases import Case
from runners.controls import nothing_fired, run_controls
from runners.conversation import CallResult, Runner
from runners.evidence import CodeRaised, ControlEvidence, Failure, RunnerEnded, UnsupportedCase
from runners.examine import Agreed, conditions_for, examine
from runners.launches import SeenLaunches
from runners.making import Making
from runners.materialise import ArgumentValue, materialise
from runners.oracle import STRICT, Allowance, Expected, expect
from runners.specialisation import Specialisation
from runners.turn import ALONE, Turn
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

OUTPUT_ROOM_BYTES = 1 << 16
WAITING = (
    "in a shuffled order it missed its deadline, in natural order it did not: "
    "a program waits for an earlier one, or the machine is too slow for this case"
)
How = Literal["timed_out", "out_of_memory", "signal", "exited", "protocol_broken"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the runner may take to load the candidate's module, and for one case."""

    load_s: float
    case_s: float


class Session:
    """Runs cases of one candidate; a context manager that leaves no runner behind."""

    def __init__(
        self,
        candidate: Candidate,
        take: Callable[[], Runner],
        deadlines: Deadlines,
        allowance: Allowance = STRICT,
        *,
        noise: bool = False,
        turn: Turn = ALONE,
        making: Making = materialise,
    ) -> None:
        """Begins without a runner.

        Args:
            making: Makes the arguments of a case; a replay may have recorded ones.
            noise: Every case under emulated errors of a GPU's arithmetic (see `wire.Conditions`).
            turn: Knows whether others wait; they go on between two cases.
        """
        self._turn = turn
        self._making = making
        self._candidate = candidate
        self._take = take
        self._deadlines = deadlines
        self._allowance = allowance
        self._noise = noise
        self._runner: Runner | None = None
        self.runners = 0
        self.slowest_s = 0.0
        self._again = Again(self._drop, self._give_way)
        self.greeting: wire.Greeting | None = None
        self._launches = SeenLaunches()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()

    @property
    def specialisations(self) -> tuple[Specialisation, ...]:
        """What the launches so far would be compiled for, each once."""
        return self._launches.all

    @property
    def slow_cases(self) -> int:
        """How many cases missed their deadline and kept it when they were run again."""
        return self._again.slow

    @property
    def lost_runners(self) -> int:
        """How many runners ended through no doing of the candidate."""
        return self._again.lost

    @property
    def configurations(self) -> int:
        """Among how many the autotuners of the launches so far could choose, at most; 0 where there was none."""
        return self._launches.configurations

    def load(self) -> wire.Loaded | UnsupportedCase | Failure:
        """Puts the candidate into a fresh runner.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """
        return self._again.confirmed(self._load_once)

    def run(self, case: Case, *, to_the_limit: bool = False) -> Agreed | UnsupportedCase | Failure:
        """Runs one case and judges it.

        Args:
            to_the_limit: A missed deadline or want of memory is no failure here, so nobody needs to be sure of it.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """
        self._give_way()
        if to_the_limit:
            return self._again.confirmed(lambda: self._run_once(case), ONLY_KILLED)
        result = self._again.confirmed(lambda: self._run_once(case))
        if doubt_about(result) == "slow":
            return self._again.surviving(lambda: self._waiting(case)) or result
        return result

    def controls(self, after: Case | None) -> tuple[ControlEvidence, ...]:
        """Runs the positive controls in the runner as the candidate left it; none fires where none is left.

        Args:
            after: A case that agreed: run again first where no runner is left through no doing of the candidate.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """

        def once() -> tuple[ControlEvidence, ...]:
            if self._runner is None and after is not None:
                self._run_once(after)
            if self._runner is None:
                return nothing_fired()
            return run_controls(self._runner, self._deadlines.load_s, self._deadlines.case_s)

        return self._again.surviving(once)

    def _waiting(self, case: Case) -> UnsupportedCase | None:
        """Whether the case ends in natural order: then a program waits for another, which a GPU may allow."""
        operator = self._candidate.operator
        arguments = self._making(operator, case)
        expected = expect(operator, case.dtype, arguments, self._allowance)
        ran = self._call(case, arguments, expected, self._conditions(case)[:1])
        if not isinstance(ran, tuple) or not isinstance(ran[0].call, wire.Returned):
            return None
        return UnsupportedCase(case=case, reason=WAITING, line=None)

    def _conditions(self, case: Case) -> tuple[wire.Conditions, ...]:
        return conditions_for(case, noise=self._noise)

    def _load_once(self) -> wire.Loaded | UnsupportedCase | Failure:
        self._drop()
        self._runner = self._take()
        self.runners += 1
        self.greeting = self._runner.greeting
        answer = self._runner.load(self._candidate, self._deadlines.load_s)
        match answer:
            case wire.Loaded():
                return answer
            case wire.Raised(error=error, message=message, line=line):
                self._drop()
                return CodeRaised(case=None, error=error, message=message, line=line)
            case wire.Unsupported(reason=reason, line=line):
                self._drop()
                return UnsupportedCase(case=None, reason=reason, line=line)
            case _:
                self._drop()
                return ended(None, answer)

    def _run_once(self, case: Case) -> Agreed | UnsupportedCase | Failure:
        operator = self._candidate.operator
        arguments = self._making(operator, case)
        expected = expect(operator, case.dtype, arguments, self._allowance)
        called = self._call(case, arguments, expected, self._conditions(case))
        return self._judged(case, arguments, expected, called)

    def _judged(
        self,
        case: Case,
        arguments: Sequence[ArgumentValue],
        expected: Sequence[Expected],
        called: tuple[CallResult, ...] | UnsupportedCase | Failure,
    ) -> Agreed | UnsupportedCase | Failure:
        return examine(case, arguments, expected, called) if isinstance(called, tuple) else called

    def _call(
        self,
        case: Case,
        arguments: Sequence[ArgumentValue],
        expected: Sequence[Expected],
        conditions: tuple[wire.Conditions, ...],
    ) -> tuple[CallResult, ...] | UnsupportedCase | Failure:
        if self._runner is None:
            loaded = self._load_once()
            if not isinstance(loaded, wire.Loaded):
                return loaded
        assert self._runner is not None
        cap = sum(want.bytes for want in expected) + OUTPUT_ROOM_BYTES
        asked = time.monotonic()
        share = len(conditions) / len(self._conditions(case))  # one run of a case has half of its time
        results = self._runner.run(arguments, conditions, cap, share * self._deadlines.case_s)
        self.slowest_s = max(self.slowest_s, time.monotonic() - asked)
        if not isinstance(results, tuple):
            self._drop()
            return ended(case, results)
        declared = self._candidate.operator.declares(case.sizes)
        for result in results:
            if isinstance(result.call, wire.Returned):
                self._launches.note(result.call.specialisations, declared=declared)
        return results

    def _give_way(self) -> None:
        """Lets others go on where they should; whoever waits holds no runner."""
        if self._turn.is_over:
            self._drop()
            self._turn.give_way()

    def _drop(self) -> None:
        if self._runner is not None:
            self._runner.end()
            self._runner = None


def ended(case: Case | None, outcome: Outcome) -> RunnerEnded:
    """Says how a runner ended while it owed an answer, in evidence's words."""
    how: How
    match outcome:
        case TimedOut(deadline_s=deadline_s):
            how, detail = "timed_out", f"no answer within {deadline_s:g} s"
        case OutOfMemory(limit_bytes=limit):
            how, detail = "out_of_memory", f"the memory limit of {limit >> 20} MiB was reached"
        case KilledBySignal(signal=number):
            how, detail = "signal", _signal_name(number)
        case Exited(code=code):
            how, detail = "exited", f"the process left with code {code} instead of answering"
        case Finished():
            how, detail = "exited", "the process left instead of answering"
        case ProtocolBroken(reason=reason) | SandboxFault(reason=reason):
            how, detail = "protocol_broken", reason
    return RunnerEnded(case=case, how=how, detail=detail)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

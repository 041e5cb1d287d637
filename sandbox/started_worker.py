"""One conversation with one program, and the decision what its end was: every outcome of it is made here.

The program is held by a container of an engine or by namespaces of this kernel; `sandbox.confinement` is all that is
known of it here. How an end is read, in this order:

1. our side (engine, kernel) fails while we look: `SandboxFault`, never the program's, even if it had misbehaved too;
2. something in it was killed at the memory limit: `OutOfMemory`, whatever else happened (a child may die of it while
   the parent goes on);
3. we ended it: `TimedOut` or `ProtocolBroken`, by what made us;
4. it left by itself: exit code 128 + N is `KilledBySignal(N)`, any other code `Exited`, code 0 included.

What stays ambiguous: a program that leaves by itself with code 128 + N looks like one killed by signal N (an init
passes both on alike). A signal sent through the engine (`docker kill`, the engine's own shutdown), or to the init of
namespaces, is recognised and is a fault; so is a SIGKILL while the machine as a whole ran out of memory. One
that root on the host sends to the program directly is not, and reads as `KilledBySignal(9)`. Bytes of stdout that
nobody asked for are noticed at the next call if they arrived by then; later ones are taken for the beginning of the
next answer.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from sandbox.confinement import Confinement, EndState
from sandbox.contract import ABORTED, Buffer, Limits, Reply, SandboxUnavailable
from sandbox.conversation import Closed, Conversation, Expired, Frame, Turn, Violation
from sandbox.demultiplex import EngineStreamError
from sandbox.machine_memory import ran_out_since
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
from sandbox.usage import Usage

GREETING_CAP_BYTES: Final = 1 << 20
LEAVE_GRACE_S: Final = 2.0
DEATH_DEADLINE_S: Final = 30.0
OOM_LAG_S: Final = 1.0  # the engine hears of a kill at the memory limit and of the end by two ways
OOM_POLL_S: Final = 0.1
SIGNAL_BASE: Final = 128
LAST_SIGNAL: Final = 64


class StartedWorker:
    """A started program; made by the `start` of a sandbox only."""

    def __init__(self, confinement: Confinement, stream: Conversation, limits: Limits) -> None:
        self._confinement = confinement
        self._stream = stream
        self._limits = limits
        self._started = time.monotonic()
        self._start_until = time.monotonic() + limits.start_deadline_s
        self._greeting: Reply | None = None
        self._outcome: Outcome | None = None
        self._leaving = False  # it was told that it may go
        self._usage = Usage()
        self._ready_s = self._started  # what it was refused before it was ready is no candidate's doing

    @property
    def name(self) -> str:
        """A name for logs."""
        return self._confinement.name

    @property
    def usage(self) -> Usage:
        """What it used and left; nothing is known before it has ended."""
        return self._usage

    def greeting(self) -> Reply | Outcome:
        """Waits for the frame that says the program is ready; later calls return it again."""
        if self._greeting is not None and self._outcome is None:
            return self._greeting
        answer = self._converse(
            lambda: self._stream.listen(cap_bytes=GREETING_CAP_BYTES, until=self._start_until),
            self._limits.start_deadline_s,
        )
        if isinstance(answer, Reply):
            self._greeting = answer
            self._ready_s = time.monotonic()
        return answer

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        """Sends one frame and returns the one that answers it; waits for the greeting first if nobody has yet."""
        greeting = self.greeting()
        if not isinstance(greeting, Reply):
            return greeting
        until = time.monotonic() + deadline_s
        return self._converse(lambda: self._stream.ask(request, cap_bytes=cap_bytes, until=until), deadline_s)

    def ended(self) -> Outcome | None:
        """Notices without waiting that a worker which greeted has ended meanwhile; None while all is well."""
        if self._outcome is None and self._greeting is not None:
            with self._abandoning_on_interrupt():
                try:
                    turn = self._stream.glance()
                except EngineStreamError as error:
                    fault = SandboxFault(str(error))
                    return self._settle(lambda: fault)
                if turn is not None:
                    self._settle(lambda: self._read_end(turn, deadline_s=0.0))
        return self._outcome

    def last_words(self) -> str:
        """The end of what the program wrote to stderr: a claim."""
        return self._stream.last_words.decode(errors="replace")

    def abort(self) -> None:
        """Makes whoever converses with this worker get a `SandboxFault`; any thread may call it."""
        self._stream.interrupt()

    def end(self) -> Outcome:
        """Closes the program's input, gives it a moment, kills and removes it. Safe to call twice."""
        if self._outcome is not None:
            return self._outcome
        with self._abandoning_on_interrupt():
            return self._settle(self._leave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.end()
        elif self._outcome is None:
            self._abandon()

    def _converse(self, take_turn: Callable[[], Turn], deadline_s: float) -> Reply | Outcome:
        if self._outcome is not None:
            return self._outcome
        with self._abandoning_on_interrupt():
            try:
                turn = take_turn()
            except EngineStreamError as error:
                fault = SandboxFault(str(error))
                return self._settle(lambda: fault)
            if isinstance(turn, Frame):
                return Reply(turn.payload)
            return self._settle(lambda: self._read_end(turn, deadline_s))

    def _settle(self, decide: Callable[[], Outcome]) -> Outcome:
        """Decides the outcome, then removes all of it; from here on the worker has ended."""
        try:
            outcome = decide()
        except (SandboxUnavailable, EngineStreamError) as error:
            outcome = SandboxFault(str(error))
        self._outcome = self._removed(outcome)
        return self._outcome

    def _removed(self, outcome: Outcome) -> Outcome:
        if not self._usage.was_seen:  # it left by itself; what holds it may still know
            self._look()
        self._usage = replace(
            self._usage, stdout_bytes=self._stream.stdout_bytes, stderr_bytes=self._stream.stderr_bytes
        )
        self._stream.close()
        try:
            self._confinement.remove()
        except SandboxUnavailable as error:
            return outcome if isinstance(outcome, SandboxFault) else SandboxFault(f"{error}; it had ended: {outcome}")
        return outcome

    def _look(self) -> None:
        if not self._stream.interrupted:  # else somebody waits for the end, and nobody for what it used
            self._usage = self._usage.joined(self._confinement.usage(self._ready_s))

    def _leave(self) -> Outcome:
        self._look()
        self._leaving = True
        self._stream.close_input()
        turn: Turn = self._stream.drain(time.monotonic() + LEAVE_GRACE_S)
        if self._greeting is not None and self._stream.unasked_bytes:
            turn = Violation(f"{self._stream.unasked_bytes} bytes came that no request asked for")
        outcome = self._read_end(turn, LEAVE_GRACE_S)
        return Finished() if outcome == Exited(0) else outcome

    def _read_end(self, turn: Frame | Closed | Expired | Violation, deadline_s: float) -> Outcome:
        if isinstance(turn, Closed) and not self._stream.interrupted:
            state = self._confinement.end_state(LEAVE_GRACE_S)
            if state is not None:
                return self._left_by_itself(self._with_late_news(state))
        self._look()
        # Before the kill: the engine does not finish one while output that nobody reads is stuck in this stream.
        self._stream.close()
        self._confinement.kill()
        state = self._confinement.end_state(DEATH_DEADLINE_S)
        if self._stream.interrupted:
            return SandboxFault(ABORTED)
        if state is None:
            return SandboxFault(f"{self.name} still runs {DEATH_DEADLINE_S:g} s after SIGKILL")
        if state.oom_killed:
            return OutOfMemory(self._limits.memory_bytes)
        match turn:
            case Expired():
                return TimedOut(deadline_s)
            case Violation(reason):
                return ProtocolBroken(reason)
            case _:
                # The init holds the output open, so this is not how a program that closes its own looks.
                return SandboxFault(f"the conversation was closed while {self.name} went on running")

    def _with_late_news(self, state: EndState) -> EndState:
        """Looks again where the kernel may have killed it at the limit and the engine has not heard of that yet.

        Where the engine hears of the kill after the end, its state never says so; the list of its events does.
        """
        until = time.monotonic() + OOM_LAG_S
        while state.exit_code == SIGNAL_BASE + signal.SIGKILL and not state.oom_killed and time.monotonic() < until:
            time.sleep(OOM_POLL_S)
            state = self._confinement.end_state(LEAVE_GRACE_S) or state
        if state.oom_killed or (self._leaving and state.exit_code == 0):
            return state
        return replace(state, oom_killed=self._confinement.reached_memory_limit(state))

    def _left_by_itself(self, state: EndState) -> Outcome:
        if state.oom_killed:
            return OutOfMemory(self._limits.memory_bytes)
        if state.exit_code != 0 and self._confinement.was_signalled_from_outside(state):
            return SandboxFault(f"something outside ended {self.name}")
        if state.exit_code == SIGNAL_BASE + signal.SIGKILL and ran_out_since(self._started):
            return SandboxFault(f"{self.name} was killed while this machine ran out of memory")
        if SIGNAL_BASE < state.exit_code <= SIGNAL_BASE + LAST_SIGNAL:
            return KilledBySignal(state.exit_code - SIGNAL_BASE)
        return Exited(state.exit_code)

    @contextmanager
    def _abandoning_on_interrupt(self) -> Iterator[None]:
        """Ctrl-C and our own bugs leave nothing behind either: all of it goes before the exception does."""
        try:
            yield
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        self._outcome = SandboxFault("the conversation was interrupted on our side")
        self._stream.close()
        self._confinement.discard()

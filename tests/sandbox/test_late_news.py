"""An engine that hears of a kill at the memory limit after it heard of the end: the reason is still the limit."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hostile_channel import GoneContainer, HostileEngine
from hostile_messages import Cursor

from sandbox.attached import AttachedStream
from sandbox.confinement import EndState
from sandbox.contract import Limits
from sandbox.outcomes import Exited, KilledBySignal, OutOfMemory
from sandbox.started_worker import StartedWorker

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KILLED = EndState(exit_code=128 + signal.SIGKILL, oom_killed=False, started_at=NOW, finished_at=NOW)


@dataclass
class Late(GoneContainer):
    """Knows of the limit at the look with this number; `state` is what it says before."""

    state: EndState
    at: int
    looks: int = 0
    noted: bool = False

    def end_state(self, timeout_s: float) -> EndState:
        self.looks += 1
        return replace(self.state, oom_killed=self.state.oom_killed or self.looks >= self.at)

    def was_signalled_from_outside(self, state: EndState) -> bool:
        return False

    def reached_memory_limit(self, state: EndState) -> bool:
        return self.noted


def outcome(container: Late) -> object:
    return StartedWorker(container, AttachedStream(HostileEngine([], Cursor(b""))), Limits()).greeting()


def test_a_kill_is_looked_at_again() -> None:
    assert outcome(Late(KILLED, at=3)) == OutOfMemory(Limits().memory_bytes)


def test_a_program_that_kills_itself_is_told_so_in_the_end() -> None:
    assert outcome(Late(KILLED, at=10_000)) == KilledBySignal(signal.SIGKILL)


def test_another_end_needs_no_second_look() -> None:
    container = Late(replace(KILLED, exit_code=3), at=10_000)
    assert outcome(container) == Exited(3)
    assert container.looks == 1


@pytest.mark.parametrize("exit_code", [KILLED.exit_code, 0, 3], ids=["killed", "left as if all were well", "left"])
def test_a_kill_that_only_the_events_have_is_the_reason(exit_code: int) -> None:
    container = Late(replace(KILLED, exit_code=exit_code), at=10_000, noted=True)
    assert outcome(container) == OutOfMemory(Limits().memory_bytes)

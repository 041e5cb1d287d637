"""What holds a started program, whatever it is made of: a container of an engine, or namespaces of this kernel.

`sandbox.started_worker` decides from these few facts what an end was. Every method may raise `SandboxUnavailable`: then
our side failed, and nothing is held against the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sandbox.usage import Usage


@dataclass(frozen=True, slots=True)
class EndState:
    """How a program ended; a death by signal N is exit code 128 + N."""

    exit_code: int
    oom_killed: bool
    started_at: datetime
    finished_at: datetime


class Confinement(Protocol):
    """Everything of one program; it exists until `remove`."""

    @property
    def name(self) -> str:
        """A name for logs, unique on this machine."""
        ...

    def kill(self) -> None:
        """Sends SIGKILL to everything in it; nothing happens when it is not running. It may not be dead yet."""
        ...

    def end_state(self, timeout_s: float) -> EndState | None:
        """Waits until it is not running and says how it ended; None when it still runs after `timeout_s`."""
        ...

    def was_signalled_from_outside(self, state: EndState) -> bool:
        """Whether somebody outside ended it who is not us, as far as can be known."""
        ...

    def reached_memory_limit(self, state: EndState) -> bool:
        """Whether a kill at the memory limit was noted meanwhile that `state` does not know of; may take a second."""
        ...

    def usage(self, since_s: float) -> Usage:
        """What can be seen of it from outside now; quick, never raises, and what can't be seen is unknown.

        Args:
            since_s: From when on refused calls count, on the clock of `time.monotonic`.
        """
        ...

    def remove(self) -> None:
        """Kills what runs, and returns when nothing of it is left."""
        ...

    def discard(self) -> None:
        """Removes it on the way out of another failure, which is the one to be reported."""
        ...

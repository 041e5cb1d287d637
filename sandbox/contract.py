"""What every sandbox promises. The conformance suite in tests/sandbox holds each implementation to it.

A program speaks frames (`sandbox.frames`) on its stdin and stdout. It says one frame by itself when it is ready,
its greeting; after that it answers each request with one frame. A worker is a started program and is used for one
candidate only. Ending is certain: when `exchange` returned an `Outcome`, or `end` returned, nothing of the worker is
left (no process, no container).

Deliberately not here: images are built elsewhere (`sandbox.images`); nothing retries (the caller knows whether it may).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from sandbox.devices import NO_DEVICE, DeviceAccess
from sandbox.outcomes import Outcome
from sandbox.seccomp import Use
from sandbox.usage import Usage

Buffer = bytes | bytearray | memoryview
# In what programs can be isolated: containers of an engine, or namespaces made here (`sandbox.namespace_sandbox`).
Isolation = Literal["docker", "namespace"]
ABORTED: Final = "the run was ended on our side"


class SandboxUnavailable(Exception):
    """No sandbox can be had: the engine does not answer, or it refused to start what it was asked to.

    The text says what happened and what to do next; a command line prints it as it is.
    """


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use. All of them are hard; `prove` shows from inside that they hold."""

    memory_bytes: int = 4 << 30
    processes: int = 256
    cpus: float = 1.0
    tmp_bytes: int = 256 << 20
    tmp_inodes: int = 4096
    open_files: int = 1024
    file_bytes: int = 128 << 20
    start_deadline_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """What is started: an image by its content id, arguments, limits and a GPU. All of it comes from trusted code.

    Attributes:
        uses: What needs system calls of its own (`sandbox.seccomp`).
        logs_refusals: The kernel logs the calls that the filter refuses, where it can; a program that makes many fills
            the host's log as fast as the kernel lets it.
    """

    image: str
    argv: tuple[str, ...]
    limits: Limits = Limits()
    device: DeviceAccess = NO_DEVICE
    uses: tuple[Use, ...] = ()
    logs_refusals: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One frame that the program sent within its deadline and cap. Its content is a claim of the program."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class LimitProof:
    """One limit as seen from inside: `holds` is what was observed there, `observed` says what that was."""

    name: str
    holds: bool
    observed: str


@dataclass(frozen=True, slots=True)
class IsolationProof:
    """The limits of an engine and image, each proven from inside a worker started like every other.

    Attributes:
        layers: What only some machines have besides: a kernel of its own, a user namespace, AppArmor and the like.
    """

    isolation: str
    engine: str
    runtime: str
    image: str
    limits: tuple[LimitProof, ...]
    layers: tuple[LimitProof, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the limits that did not hold."""
        return tuple(limit.name for limit in self.limits if not limit.holds)


class Worker(Protocol):
    """One started program. Not thread-safe: one conversation, one owner."""

    @property
    def name(self) -> str:
        """A name for logs, unique on the engine."""
        ...

    @property
    def usage(self) -> Usage:
        """What it used and left, as seen from outside; nothing is known before it has ended."""
        ...

    def greeting(self) -> Reply | Outcome:
        """Waits for the frame that says the program is ready, at most `limits.start_deadline_s`; then repeats it."""
        ...

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        """Sends `request` (its parts concatenated) as one frame and returns the one frame that answers it.

        An `Outcome` means that the worker has ended and is removed; every later call returns that same outcome.
        """
        ...

    def ended(self) -> Outcome | None:
        """Notices without waiting that a worker which greeted has ended meanwhile; None while all is well.

        An `Outcome` means what it means for `exchange`. A pool asks this before it hands out a worker that waited.
        """
        ...

    def last_words(self) -> str:
        """The end of what the program wrote to stderr (a claim), at most 8 KiB, undecodable bytes replaced."""
        ...

    def abort(self) -> None:
        """Makes whoever converses with this worker get a `SandboxFault`, now and from now on.

        The one method that any thread may call. Ending the worker stays with its owner.
        """
        ...

    def end(self) -> Outcome:
        """Closes the program's input, gives it a moment, kills and removes it. Safe to call twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Sandbox(Protocol):
    """Starts workers. Thread-safe."""

    def start(self, program: Program) -> Worker:
        """Starts `program`; the worker may not be ready yet (`Worker.greeting` waits).

        Raises:
            SandboxUnavailable: the engine does not answer or refused.
        """
        ...

    def prove(self, program: Program) -> IsolationProof:
        """Shows from inside a worker with the same image and limits that each limit holds.

        Raises:
            SandboxUnavailable: the engine does not answer or refused, or the probe did not complete.
        """
        ...

    def reap(self) -> int:
        """Removes workers whose owner is gone (a killed process); returns how many. Those of a living owner stay."""
        ...

    def close(self) -> None:
        """Removes what was left because it could not be removed when its worker ended; safe to call twice."""
        ...

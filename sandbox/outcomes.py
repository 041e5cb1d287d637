"""How a program in a sandbox can end. Blame is data here, never a message that somebody parses.

| outcome          | whose doing                                                                    |
|------------------|--------------------------------------------------------------------------------|
| `Finished`       | nobody's: we closed its input, it left with code 0                             |
| `TimedOut`       | the program's: it did not answer before its deadline, and we killed it         |
| `OutOfMemory`    | the program's: the kernel killed something in it at the memory limit           |
| `KilledBySignal` | the program's: it died of a signal that we did not send                        |
| `Exited`         | the program's: it left by itself while an answer was due, code 0 included      |
| `ProtocolBroken` | the program's: bytes came that are not a frame, or more than the cap           |
| `SandboxFault`   | ours: the engine failed, vanished, or said something we do not understand      |
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finished:
    """The program ended because it was asked to, with exit code 0."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer within `deadline_s`; the program was killed by us."""

    deadline_s: float


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The memory limit of `limit_bytes` was hit and the kernel killed a process of the program."""

    limit_bytes: int


@dataclass(frozen=True, slots=True)
class KilledBySignal:
    """The program died of signal number `signal`, which we did not send."""

    signal: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The program left with `code` while an answer was due; code 0 is no better than another."""

    code: int


@dataclass(frozen=True, slots=True)
class ProtocolBroken:
    """The program sent bytes that are not the protocol's."""

    reason: str


@dataclass(frozen=True, slots=True)
class SandboxFault:
    """Our side failed: the engine is gone or answered nonsense. Never held against the program."""

    reason: str


Outcome = Finished | TimedOut | OutOfMemory | KilledBySignal | Exited | ProtocolBroken | SandboxFault

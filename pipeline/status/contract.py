"""What a look at this machine came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pipeline.machine.disk_use import DiskUse
from pipeline.observing.under_way import TierCount, UnderWay


class State(StrEnum):
    """What is to be thought of a part."""

    FINE = "fine"
    ABSENT = "absent"  # and nobody named it
    TROUBLE = "trouble"  # somebody has to look


@dataclass(frozen=True, slots=True)
class Part:
    """An engine, a server, a GPU: what was seen of it."""

    name: str
    state: State
    seen: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """A run folder.

    Attributes:
        began: By its id; None where it has another name.
        verdicts: Empty where it can't be read; then `problem` says why.
        denied: How many candidates the policy does not let through.
    """

    run: str
    began: datetime | None
    policy: str
    verdicts: tuple[TierCount, ...]
    denied: int
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run of generation that has not come to its end; `is_worked_on` where a process is at it."""

    run: str
    operators: tuple[str, ...]
    is_worked_on: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What a folder takes of the disk."""

    name: str
    path: Path
    use: DiskUse


@dataclass(frozen=True, slots=True)
class Status:
    """This machine, as it was at `at`."""

    at: datetime
    under_way: tuple[UnderWay, ...]
    unfinished: tuple[Unfinished, ...]
    last: tuple[LastRun, ...]
    parts: tuple[Part, ...]
    disk: tuple[Place, ...]

    @property
    def is_fine(self) -> bool:
        """Whether nobody has to look at anything."""
        return all(part.state is not State.TROUBLE for part in self.parts)

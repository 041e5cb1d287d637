"""What was found, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class Kind(StrEnum):
    """What a thing is."""

    RUN = "run"
    JOURNAL = "journal"  # of a run of generation
    RESULT = "kept result"
    WHEELS = "wheels"
    LEFT_OVER = "left over"  # by a run or a prune that was killed
    FOREIGN = "not ours"


class Identity(NamedTuple):
    """Which file or folder it was when it was looked at."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder.

    Attributes:
        last_used: When it was last written, or begun, whichever is later.
        stays: Why it must not go; None where it may.
        locks: Files whose locks whoever uses it holds.
    """

    kind: Kind
    name: str
    path: Path
    identity: Identity
    last_used: datetime
    size_bytes: int
    stays: str | None = None
    locks: tuple[Path, ...] = ()


class Fate(StrEnum):
    """What became of it."""

    GOES = "goes"  # decided, and not done yet; of a dry run the last word
    WENT = "went"
    STAYS = "stays"
    FAILED = "failed"  # it should have gone


@dataclass(frozen=True, slots=True)
class Decided:
    """A thing, what became of it, and why."""

    found: Found
    fate: Fate
    why: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """All of it, in the order in which it was found.

    Attributes:
        interrupted: It ended before all had gone that was to go.
    """

    decided: tuple[Decided, ...]
    dry_run: bool
    interrupted: bool = False

    def size_of(self, *fates: Fate) -> int:
        """Bytes of what had one of these fates."""
        return sum(one.found.size_bytes for one in self.decided if one.fate in fates)

    @property
    def is_complete(self) -> bool:
        """Whether all went that was to go."""
        return not self.interrupted and all(one.fate is not Fate.FAILED for one in self.decided)

"""Who started a worker, written on the worker itself, so that one whose owner was killed can be told from a live one.

A process id alone is reused after a while, so an owner is its id *and* its start time, within one boot and one process
namespace. An owner of another boot or namespace cannot be seen from here: nothing is claimed about it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

MARK: Final = "kernelgate"
PID: Final = "kernelgate.owner.pid"
START: Final = "kernelgate.owner.start"
BOOT: Final = "kernelgate.owner.boot"
NAMESPACE: Final = "kernelgate.owner.namespace"

ZOMBIE_STATES: Final = ("Z", "X")


class Liveness(Enum):
    """What can be said about an owner from here."""

    ALIVE = "alive"
    DEAD = "dead"
    OUT_OF_SIGHT = "out of sight"


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, identified beyond the reuse of its id."""

    pid: int
    start_ticks: int
    boot: str
    namespace: str

    def labels(self) -> dict[str, str]:
        """The owner as labels of a container."""
        return {
            MARK: "1",
            PID: str(self.pid),
            START: str(self.start_ticks),
            BOOT: self.boot,
            NAMESPACE: self.namespace,
        }

    def liveness(self) -> Liveness:
        """Whether this owner still runs, as far as this process can see."""
        if (self.boot, self.namespace) != (_boot(), _namespace()):
            return Liveness.OUT_OF_SIGHT
        return Liveness.ALIVE if _start_ticks(self.pid) == self.start_ticks else Liveness.DEAD


def this_process() -> Owner:
    """Returns the calling process as an owner; not cached, because a process may fork."""
    pid = os.getpid()
    start_ticks = _start_ticks(pid)
    if start_ticks is None:
        raise OSError("/proc does not show this process: kernelgate needs a Linux /proc")
    return Owner(pid, start_ticks, _boot(), _namespace())


def from_labels(labels: Mapping[str, str]) -> Owner | None:
    """Reads an owner back, or None when the labels are not as `Owner.labels` writes them."""
    try:
        return Owner(int(labels[PID]), int(labels[START]), labels[BOOT], labels[NAMESPACE])
    except (KeyError, ValueError):
        return None


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat, or None when no such process runs; the name in field 2 may hold anything."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ZOMBIE_STATES else int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())

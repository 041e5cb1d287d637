"""What a program used and left, as seen from outside it: the kernel's counters, not the program's word.

Each fact may be None: nobody could look. That is never an error and never held against the program. Counters of the
kernel hold for all that ran in the worker, the harness included; a worker that loads torch begins at some hundred MiB.
What the program removed before we looked (a file, a process that ended) is not there to be seen.

Names of files and processes are the program's choice: hostile text, bounded here and escaped by whoever shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

NAMES_CAP: Final = 32
NAME_COLUMNS: Final = 255
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class FolderLeft:
    """A writable place when the program was ended.

    Attributes:
        used_bytes: Of the file system in memory, whoever wrote them.
        entries: Files and folders in it, at any depth, hidden and removed but open ones included.
        names: Of those right in it, the first `NAMES_CAP` in order.
    """

    path: str
    used_bytes: int
    entries: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A system call that the filter refused, as the kernel logged it: at least so often, its log drops lines."""

    call: str
    times: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What one worker used; None where nobody could look.

    Attributes:
        memory_peak_bytes: The most at one moment, files in memory included.
        oom_kills: Processes killed at the memory limit.
        tasks_peak: Processes and threads at one moment, the init included.
        refused_forks: Processes and threads that it wanted and that were refused at the limit.
        cpu_s: Processor time of all of it.
        processes_left: Names of processes that ran besides the program when it was ended.
        folders: The writable places when it was ended.
        refused_calls: Since it was ready; None where the kernel does not log them, or its log can't be read.
        stdout_bytes: What came on stdout: the protocol's frames.
        stderr_bytes: What came on stderr; only its end is kept.
    """

    memory_peak_bytes: int | None = None
    oom_kills: int | None = None
    tasks_peak: int | None = None
    refused_forks: int | None = None
    cpu_s: float | None = None
    processes_left: tuple[str, ...] | None = None
    folders: tuple[FolderLeft, ...] | None = None
    refused_calls: tuple[RefusedCall, ...] | None = None
    stdout_bytes: int = 0
    stderr_bytes: int = 0

    @property
    def was_seen(self) -> bool:
        """Whether the kernel's counters could be read at all."""
        return self.memory_peak_bytes is not None or self.tasks_peak is not None

    def joined(self, later: Usage) -> Usage:
        """Returns what two looks at the same worker say together: the later of two counters, and what one has alone."""
        return Usage(
            memory_peak_bytes=_known(max, self.memory_peak_bytes, later.memory_peak_bytes),
            oom_kills=_known(max, self.oom_kills, later.oom_kills),
            tasks_peak=_known(max, self.tasks_peak, later.tasks_peak),
            refused_forks=_known(max, self.refused_forks, later.refused_forks),
            cpu_s=_known(max, self.cpu_s, later.cpu_s),
            processes_left=self.processes_left if self.processes_left is not None else later.processes_left,
            folders=self.folders if self.folders is not None else later.folders,
            refused_calls=self.refused_calls if self.refused_calls is not None else later.refused_calls,
            stdout_bytes=max(self.stdout_bytes, later.stdout_bytes),
            stderr_bytes=max(self.stderr_bytes, later.stderr_bytes),
        )


UNSEEN: Final = Usage()


def _known(choose: Callable[[Iterable[Value]], Value], *values: Value | None) -> Value | None:
    known = [value for value in values if value is not None]
    return choose(known) if known else None

"""What a candidate's programs used and left, as seen from outside them: facts of the host's kernel, no claims.

Each fact is about everything in a container, the harness too, and may be None: nobody could look.
"""

from __future__ import annotations

from typing import Literal

from runners.record import Record

# Where a candidate's own code ran: on the interpreter, beside the compiler, in the program that calls it on a GPU.
Ran = Literal["interpreter", "compiler", "gpu"]


class FolderEvidence(Record):
    """A writable place when programs were ended: the most of each, and the names right in it.

    Attributes:
        path: Where it is, as the program sees it.
        used_bytes: What lies in it.
        entries: Files and folders at any depth, removed but open ones included.
        names: Of all programs together; bounded, the candidate's choice, hostile text.
    """

    path: str
    used_bytes: int
    entries: int
    names: tuple[str, ...]


class RefusedCallEvidence(Record):
    """A system call that the filter refused, at least so often: the kernel's log drops lines.

    Attributes:
        call: Its name.
        times: How often it was logged.
    """

    call: str
    times: int


class ObservedEvidence(Record):
    """The programs of one kind together.

    Attributes:
        ran: What kind.
        programs: How many were used.
        seen: Of how many the kernel's counters could be read.
        memory_peak_bytes: The most that one had at one moment, files in memory included.
        oom_kills: Processes killed at a memory limit, all programs together.
        tasks_peak: The most processes and threads that one had.
        refused_forks: Processes and threads refused at the limit, all programs together.
        cpu_s: Seconds on a processor, all programs together.
        processes_left: Names of processes that ran beside the program when it was ended; bounded, hostile text.
        folders: The writable places, by path.
        refused_calls: Since the program was ready for a candidate; None where the kernel logs none or its log is
            unreadable.
        stdout_bytes: Frames of the protocol, all programs together.
        stderr_bytes: What they wrote there, all programs together.
    """

    ran: Ran
    programs: int
    seen: int
    memory_peak_bytes: int | None
    oom_kills: int | None
    tasks_peak: int | None
    refused_forks: int | None
    cpu_s: float | None
    processes_left: tuple[str, ...] | None
    folders: tuple[FolderEvidence, ...] | None
    refused_calls: tuple[RefusedCallEvidence, ...] | None
    stdout_bytes: int
    stderr_bytes: int

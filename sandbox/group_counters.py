"""The kernel's counters of a control group, of version 1 or 2, read on the host.

Missing files are facts that are unknown: a kernel before 5.19 has no peak of memory in version 2, one before 6.1 none
of processes. Nothing here raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sandbox.usage import Usage

PIDS_CAP: Final = 4096
Folders = Callable[[str], Iterable[Path]]


def counters_of(folders: Folders) -> Usage:
    """Returns what a group used.

    Args:
        folders: Says in which folders a group of a controller may lie.
    """
    memory, pids = tuple(folders("memory")), tuple(folders("pids"))
    return Usage(
        memory_peak_bytes=_number(memory, "memory.peak", "memory.max_usage_in_bytes"),
        oom_kills=_field(memory, "oom_kill", "memory.events", "memory.oom_control"),
        tasks_peak=_number(pids, "pids.peak"),
        refused_forks=_field(pids, "max", "pids.events"),
        cpu_s=_cpu_s(folders),
    )


def pids_in(folders: Folders) -> tuple[int, ...]:
    """Returns the processes of a group, by their numbers in our own namespace; others are left out."""
    for controller in ("memory", "pids", "cpu"):
        text = _text(folders(controller), "cgroup.procs")
        if text is not None:
            numbers = [int(line) for line in text.split()[:PIDS_CAP] if line.isdigit()]
            return tuple(number for number in numbers if number > 0)
    return ()


def _cpu_s(folders: Folders) -> float | None:
    microseconds = _field(folders("cpu"), "usage_usec", "cpu.stat")
    if microseconds is not None:
        return microseconds / 1e6
    nanoseconds = _number(folders("cpuacct"), "cpuacct.usage")
    return None if nanoseconds is None else nanoseconds / 1e9


def _number(folders: Iterable[Path], *files: str) -> int | None:
    text = _text(folders, *files)
    return int(text) if text is not None and text.strip().isdigit() else None


def _field(folders: Iterable[Path], name: str, *files: str) -> int | None:
    """The number behind `name` in a file of lines."""
    for line in (_text(folders, *files) or "").splitlines():
        word, _, number = line.partition(" ")
        if word == name and number.isdigit():
            return int(number)
    return None


def _text(folders: Iterable[Path], *files: str) -> str | None:
    for folder in folders:
        for file in files:
            with suppress(OSError, UnicodeError):
                return (folder / file).read_text(encoding="ascii")
    return None

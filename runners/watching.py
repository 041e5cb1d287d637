"""Keeps what was seen of every program that a check took: whoever ends one need not think of it.

A program that has ended is forgotten as soon as the next is taken, but for what it used.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from runners.conversation import Runner
from runners.observed_evidence import FolderEvidence, ObservedEvidence, Ran, RefusedCallEvidence
from sandbox.usage import NAMES_CAP, FolderLeft, Usage

Taken = TypeVar("Taken", bound=Runner)
Number = TypeVar("Number", int, float)
Value = TypeVar("Value")


class Watch:
    """The programs of one kind that one candidate used; thread-safe."""

    def __init__(self, ran: Ran) -> None:
        self._ran: Ran = ran
        self._lock = threading.Lock()
        self._running: list[Runner] = []
        self._ended: list[Usage] = []

    def over(self, take: Callable[[], Taken]) -> Callable[[], Taken]:
        """Returns a `take` of which everything is watched."""

        def watched() -> Taken:
            runner = take()
            with self._lock:
                self._settle()
                self._running.append(runner)
            return runner

        return watched

    def evidence(self) -> ObservedEvidence | None:
        """What was seen of those that have ended; None where none has."""
        with self._lock:
            self._settle()
            return observed(self._ran, self._ended) if self._ended else None

    def _settle(self) -> None:
        ended = [runner for runner in self._running if runner.usage is not None]
        self._running = [runner for runner in self._running if runner not in ended]
        self._ended += [usage for runner in ended if (usage := runner.usage) is not None]


def observed(ran: Ran, usages: Sequence[Usage]) -> ObservedEvidence:
    """Returns what several programs used: the most of what one has at a moment, the sum of what adds up."""
    return ObservedEvidence(
        ran=ran,
        programs=len(usages),
        seen=sum(usage.was_seen for usage in usages),
        memory_peak_bytes=_of(max, [usage.memory_peak_bytes for usage in usages]),
        oom_kills=_of(sum, [usage.oom_kills for usage in usages]),
        tasks_peak=_of(max, [usage.tasks_peak for usage in usages]),
        refused_forks=_of(sum, [usage.refused_forks for usage in usages]),
        cpu_s=_of(sum, [usage.cpu_s for usage in usages]),
        processes_left=_joined([usage.processes_left for usage in usages]),
        folders=_folders([usage.folders for usage in usages]),
        refused_calls=_calls(usages),
        stdout_bytes=sum(usage.stdout_bytes for usage in usages),
        stderr_bytes=sum(usage.stderr_bytes for usage in usages),
    )


def _of(choose: Callable[[Iterable[Number]], Number], values: Sequence[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return choose(known) if known else None


def _joined(parts: Sequence[tuple[Value, ...] | None]) -> tuple[Value, ...] | None:
    """All of them, at most `NAMES_CAP`; None where nobody knows any."""
    known = [part for part in parts if part is not None]
    return tuple(one for part in known for one in part)[:NAMES_CAP] if known else None


def _folders(parts: Sequence[tuple[FolderLeft, ...] | None]) -> tuple[FolderEvidence, ...] | None:
    known = [folder for part in parts if part is not None for folder in part]
    if not any(part is not None for part in parts):
        return None
    paths = dict.fromkeys(folder.path for folder in known)
    return tuple(_folder(path, [folder for folder in known if folder.path == path]) for path in paths)


def _folder(path: str, folders: Sequence[FolderLeft]) -> FolderEvidence:
    names = sorted({name for folder in folders for name in folder.names})
    return FolderEvidence(
        path=path,
        used_bytes=max(folder.used_bytes for folder in folders),
        entries=max(folder.entries for folder in folders),
        names=tuple(names[:NAMES_CAP]),
    )


def _calls(usages: Sequence[Usage]) -> tuple[RefusedCallEvidence, ...] | None:
    known = [usage.refused_calls for usage in usages if usage.refused_calls is not None]
    times: Counter[str] = Counter()
    for refused in (refused for calls in known for refused in calls):
        times[refused.call] += refused.times
    calls = tuple(RefusedCallEvidence(call=call, times=number) for call, number in sorted(times.items()))
    return calls if known else None

"""One look at a running worker from outside: its control group, its processes, its writable places, the kernel's log.

It takes milliseconds, asks nothing of the program, and never raises: what can't be read is unknown. A process number is
believed while the worker's control group lists it, before the look and after.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from sandbox.group_counters import Folders, counters_of, pids_in
from sandbox.kernel_log import refusals, why_refusals_are_unknown
from sandbox.left_behind import folders_left, names_beside
from sandbox.seccomp import read_profile
from sandbox.seccomp_filter import call_name
from sandbox.usage import NAMES_CAP, RefusedCall, Usage


def look_at(first: int, folders: Folders, *, ours: int) -> Usage:
    """Returns what a worker used so far, and what it has running and lying about.

    Args:
        first: The number of its first process, which sees the worker's own file systems.
        folders: Where its control group lies.
        ours: How many of its processes were started before the program could start any, the program included.
    """
    counters = counters_of(folders)
    pids = pids_in(folders)
    if first not in pids:
        return counters
    left = replace(counters, processes_left=names_beside(pids, ours), folders=folders_left(first))
    return left if first in pids_in(folders) else counters


def refused_calls(pids: Collection[int], since_s: float) -> tuple[RefusedCall, ...] | None:
    """Returns which calls of these processes the filter refused; None where the kernel's log does not say.

    Left out is what the filter makes look absent (clone3), which libc asks for at every thread.

    Args:
        since_s: From when on, at the earliest when the first of them was started; on the clock of `time.monotonic`.
    """
    if why_refusals_are_unknown() is not None:
        return None
    expected = {name for rule in read_profile().rules if rule.errno is not None for name in rule.calls}
    since = time.time() - (time.monotonic() - since_s)
    named = {call_name(*refusal): times for refusal, times in refusals(pids, since).most_common(NAMES_CAP)}
    return tuple(RefusedCall(name, times) for name, times in sorted(named.items()) if name not in expected)

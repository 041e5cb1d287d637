"""Whether the whole machine ran out of memory: its kernel then kills whom it likes, and says so only in its log.

The counter in /proc/vmstat is no help, because it counts kills at any control group's limit, a neighbour's too. Where
the log can't be read (it takes root, or a kernel that does not mind), or the engine is on another machine, such a kill
reads like any other SIGKILL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LOG: Final = Path("/dev/kmsg")
KILLED: Final = b"Out of memory: Killed process"  # a control group's begins with "Memory cgroup out of memory"
RECORD_BYTES: Final = 8192


def ran_out_since(moment_s: float) -> bool:
    """Whether the kernel's log has a kill for want of memory after `moment_s`, on the clock of `time.monotonic`."""
    return any(at_s >= moment_s for at_s in _kills())


def _kills() -> Iterator[float]:
    """When each of them was; nothing where the log can't be read."""
    for record in _records():
        facts, _, message = record.partition(b";")
        if message.startswith(KILLED):
            yield int(facts.split(b",")[2]) / 1e6


def _records() -> Iterator[bytes]:
    try:
        descriptor = os.open(LOG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        while True:
            try:
                data = os.read(descriptor, RECORD_BYTES)  # one record
            except BrokenPipeError:  # it was overwritten meanwhile; the next read goes on behind it
                continue
            except OSError:
                return
            if not data:
                return
            yield from data.splitlines()
    finally:
        os.close(descriptor)

"""Memory of a tree of processes where no control group can limit it: looked at again and again, and killed when above.

Not a limit: between two looks a program can take what the host has, so the proof says that no memory limit holds. It
keeps an honest mistake from filling the machine, and lets the end be called by its name.

Counted is proportional memory (PSS), so that what forked processes share counts once; it is costly to ask for and only
asked for when the sum of resident sizes is above the limit. Files in /tmp and /cache are bounded by themselves.
Processes that can't be read are counted with their resident size: too much rather than too little.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

LOOK_EVERY_S: Final = 0.05
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """Watches one tree in a thread of its own until it is stopped.

    Attributes:
        exceeded: Whether it had more than the limit.
        peak_bytes: The largest sum of resident sizes that a look found; what came and went between two is not in it.
    """

    def __init__(self, top: int, limit_bytes: int, kill: Callable[[], None]) -> None:
        """Begins to watch.

        Args:
            top: The process whose descendants count; itself does not, it is ours.
            limit_bytes: What they may have together.
            kill: Ends them all; called at most once, from the watching thread.
        """
        self.exceeded = False
        self.peak_bytes = 0
        self._top = top
        self._limit_bytes = limit_bytes
        self._kill = kill
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"memory-watch-{top}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops watching; safe to call twice."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            pids = tuple(descendants(self._top))
            resident_bytes = sum(map(_resident, pids))
            self.peak_bytes = max(self.peak_bytes, resident_bytes)
            if resident_bytes > self._limit_bytes and sum(map(_proportional, pids)) > self._limit_bytes:
                self.exceeded = True
                self._kill()
                return


def descendants(pid: int) -> Iterator[int]:
    """Yields the processes below one."""
    try:
        tasks = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
        children = [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:  # it ended while we looked
        return
    for child in children:
        yield child
        yield from descendants(child)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return _resident(pid)

"""How much of a disk a folder takes: blocks, as `du` counts them; links are not followed."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BLOCK_BYTES: Final = 512  # of st_blocks, by POSIX whatever the file system's own are
UNITS: Final = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What was counted; `is_whole` is False where time was up first, or something could not be read."""

    size_bytes: int
    is_whole: bool


def disk_use(path: Path, until: float = float("inf")) -> DiskUse:
    """Counts a file, or a folder with all in it; stops at `until` on the monotonic clock."""
    size, whole, left = 0, True, [path]
    while left:
        if time.monotonic() > until:
            return DiskUse(size, False)
        current = left.pop()
        try:
            facts = current.lstat()
            size += facts.st_blocks * BLOCK_BYTES
            if stat.S_ISDIR(facts.st_mode):
                with os.scandir(current) as inside:
                    left += [Path(one.path) for one in inside]
        except FileNotFoundError:
            continue  # it went meanwhile
        except OSError:
            whole = False
    return DiskUse(size, whole)


def in_words(size_bytes: int) -> str:
    """Returns a size with three digits or so, in powers of 1000: `1.2 GB`."""
    size, unit = float(size_bytes), 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {UNITS[unit]}" if unit == 0 or size >= 99.5 else f"{size:.1f} {UNITS[unit]}"

"""Whether the whole machine ran out of memory: its kernel then kills whom it likes, and says so only in a counter.

The counter also counts kills at a control group's limit, a neighbour's too, so it casts doubt and proves nothing. Where
the engine is on another machine it is the wrong one, and a kill there reads like any other signal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

COUNTERS: Final = Path("/proc/vmstat")


def kills_for_memory() -> int | None:
    """How many processes this machine has killed for want of memory since it started; None where nobody counts."""
    try:
        lines = COUNTERS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)

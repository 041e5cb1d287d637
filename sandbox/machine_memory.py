"""Whether the whole machine ran out of memory: its kernel then kills whom it likes, and says so only in its log.

The counter in /proc/vmstat is no help, because it counts kills at any control group's limit, a neighbour's too. Where
the log can't be read (it takes root, or a kernel that does not mind), or the engine is on another machine, such a kill
reads like any other SIGKILL.
"""

from __future__ import annotations

from typing import Final

from sandbox import kernel_log

LOG: Final = kernel_log.LOG
KILLED: Final = b"Out of memory: Killed process"  # a control group's begins with "Memory cgroup out of memory"


def ran_out_since(moment_s: float) -> bool:
    """Whether the kernel's log has a kill for want of memory after `moment_s`, on the clock of `time.monotonic`."""
    found = (one.at_s for one in kernel_log.records(LOG) if one.message.startswith(KILLED))
    return any(at_s >= moment_s for at_s in found)

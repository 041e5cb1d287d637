"""One process at a time does what the whole machine, or the whole checkout, needs once.

The kernel's own lock on a file: it ends with the process that holds it, however that ends. Whoever waits looks again
ten times a second; a wait in the kernel could not be ended from another thread.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.reporting import Report

POLL_S: Final = 0.1


@contextmanager
def exclusive(path: Path, report: Report, holder: str, go_on: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Holds the lock at `path`; where another process has it, says so once: `holder` is what that one does.

    `go_on` is called while it waits and may raise.
    """
    with path.open("wb") as handle:
        if not _locked(handle):
            report(f"waiting for another process that {holder}")
            while not _locked(handle):
                go_on()
                time.sleep(POLL_S)
        yield


def _locked(handle: BinaryIO) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

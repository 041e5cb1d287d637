"""One process at a time does what the whole machine, or the whole checkout, needs once.

The kernel's own lock on a file: it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.reporting import Report


@contextmanager
def exclusive(path: Path, report: Report, holder: str) -> Iterator[None]:
    """Holds the lock at `path`; where another process has it, says so once: `holder` is what that one does."""
    with path.open("wb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another process that {holder}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield

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
def exclusive(path: Path, report: Report, waiting_for: str) -> Iterator[None]:
    """Holds the lock at `path`; says once that it is waiting for `waiting_for` when another process holds it."""
    with path.open("wb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another process that {waiting_for}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield

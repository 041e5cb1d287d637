"""Says what is waited for where a registry keeps somebody waiting longer than two seconds, and until when.

A thread of its own looks at the clock, because whoever waits does so inside the database's driver. Who holds the lock
is asked of Postgres over a further connection. For a file of SQLite the kernel's list of locks says it, where a program
in another namespace of processes has no number. The file itself is not opened for that: closing it would drop the locks
that this process has on it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from pipeline.registry.progress import SILENT_S
from pipeline.reporting import Report
from sandbox.printable import printable

LOCKS: Final = Path("/proc/locks")
_SHARED_MEMORY: Final = "-shm"  # where SQLite locks a file in WAL
_WRITERS_BYTE: Final = "120"  # WAL_WRITE_LOCK; the others of that file are held by readers, too
_BLOCKING: Final = text(
    "SELECT pid, usename, application_name FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(:waits)) "
    "ORDER BY pid LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited at most, in seconds: for a connection, for a lock, for any other answer."""

    connect_s: float
    lock_s: float
    answer_s: float


class Wait:
    """One wait for a database, as the thread that tells of it sees it."""

    def __init__(self, engine: Engine, name: str, path: Path | None, limits: Limits, *, writes: bool) -> None:
        """Nothing is told yet; `writes`: what is waited for is the lock of those who write."""
        self._engine, self._name, self._path, self._limits, self._writes = engine, name, path, limits, writes
        self._backend: int | None = None
        self._over = threading.Event()

    def connected(self, connection: Connection) -> None:
        """It has the connection on which it waits further."""
        if self._path is None:
            driver = connection.connection.driver_connection
            self._backend = None if driver is None else driver.info.backend_pid

    def over(self) -> None:
        """It has what it waited for."""
        self._over.set()

    def tell(self, report: Report) -> None:
        """Tells of it once, if it is not over before anybody wonders."""
        if self._over.wait(SILENT_S):
            return
        said = self._in_words()
        if not self._over.is_set():
            report(said)

    def _in_words(self) -> str:
        if self._path is None and self._backend is None:
            return f"{self._name} gives no connection yet: {_until(self._limits.connect_s)}"
        holder = _holder_of(self._path) if self._path is not None else self._blocking()
        if holder is None and not self._writes:
            return f"{self._name} has not answered yet: {_until(self._limits.answer_s)}"
        return f"{self._name} is locked by {holder or 'another program'}: {_until(self._limits.lock_s)}"

    def _blocking(self) -> str | None:
        try:
            with self._engine.connect() as asking:
                asking.detach()  # the pool may be given back before this ends
                row = asking.execute(_BLOCKING, {"waits": self._backend}).first()
        except SQLAlchemyError:
            return None
        if row is None:
            return None
        program = f" ({printable(row.application_name)})" if row.application_name else ""
        return f"the session {row.pid} of {printable(str(row.usename))}{program}"


@contextmanager
def telling(wait: Wait, report: Report | None) -> Iterator[None]:
    """Tells of a wait while the context lasts, or until it is over; nobody where there is no `report`."""
    if report is not None:
        threading.Thread(target=wait.tell, args=(report,), name="registry wait", daemon=True).start()
    try:
        yield
    finally:
        wait.over()


def _until(limit_s: float) -> str:
    left = timedelta(seconds=max(0.0, limit_s - SILENT_S))
    return f"waiting {left.total_seconds():.0f} s more at most, until {datetime.now(UTC) + left:%H:%M:%S} UTC"


def _holder_of(path: Path) -> str | None:
    """Which process holds a lock that keeps others from a file of SQLite; None where the kernel does not say."""
    memory = path.with_name(path.name + _SHARED_MEMORY)
    try:
        in_wal = _place_of(memory) if memory.exists() else None
        place, lines = _place_of(path), LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for fields in map(str.split, lines):
        # 7: POSIX  ADVISORY  WRITE 4711 08:01:1310728 120 120
        if len(fields) == 8 and fields[3] == "WRITE" and fields[4].isdecimal():
            pid, where, first = fields[4:7]
            if where == place or (where == in_wal and first == _WRITERS_BYTE):
                return _process(int(pid))
    return None


def _place_of(path: Path) -> str:
    facts = path.stat()
    return f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"


def _process(pid: int) -> str:
    try:
        program = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"the process {pid}"
    return f"the process {pid} ({printable(program)})"

"""Backups: a backup is a registry itself, in one file of SQLite, whatever the registry is in.

It can be looked at like any other, restored into a file or into Postgres, and so a registry moves from the one to the
other. It is copied from one state of the database while others write, and has its name when it is whole.

Whatever happened after a backup is not in it: a kernel that was revoked since would serve again. So a restore says
where the log ends, and takes the revocations over from what is left of the old registry where that can still be read.
Numbers of events go on far beyond the backup's last, so that who follows the log by number, and has seen events that
the backup has not, sees what comes.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, text

from pipeline.errors import RegistryError, RegistryUnavailable
from pipeline.registry import changing
from pipeline.registry.changing import Line
from pipeline.registry.contract import Proof
from pipeline.registry.making import make_registry
from pipeline.registry.opening import Database, check_version, database_at
from pipeline.registry.tables import EVENTS, KERNELS, TABLES
from pipeline.reporting import Report

BATCH: Final = 500
LEAP: Final = 1_000_000
_COUNTED: Final = {"registry_attestations": "id", "registry_placements": "id", "registry_events": "number"}


@dataclass(frozen=True, slots=True)
class Copied:
    """What was backed up or restored.

    Attributes:
        last_event: Number of the backup's last event; 0 where there was none. `last_at` is when that was.
        revoked_since: Kernels that the old registry had as revoked and the backup had not.
    """

    kernels: int
    events: int
    last_event: int
    last_at: datetime | None
    revoked_since: tuple[str, ...] = ()


def back_up(url: str, file: Path, report: Report) -> Copied:
    """Copies a registry into a new file.

    Raises:
        RegistryError: there is no registry, or the file is there already.
        RegistryUnavailable: it does not answer, or the file can't be written.
    """
    if file.exists() or file.is_symlink():
        raise RegistryError(f"{file} is there already; a backup is never overwritten: choose another name")
    source = _there(url, report)
    try:
        with tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=f".{file.name}.") as folder:
            partial = Path(folder) / file.name
            copied = _into_new(source, partial, report)
            _make_single(partial)
            partial.rename(file)
    except OSError as error:
        raise RegistryUnavailable(f"the backup {file} can't be written: {error.strerror or error}") from None
    finally:
        source.engine.dispose()
    return copied


def restore(backup: Path, url: str, actor: str, report: Report, revoked_in: str | None = None) -> Copied:
    """Copies a backup into a registry that is new or empty, and notes it in the log.

    Args:
        revoked_in: The old registry, or what is left of it: what is revoked there is revoked in the new one.

    Raises:
        RegistryError: there is no backup, or the registry is not empty.
        RegistryUnavailable: one of them does not answer, or can't be written.
    """
    source = _there(str(backup), report)
    since = _revocations(revoked_in, report) if revoked_in is not None else []
    make_registry(url, report)
    target = database_at(url, report=report)
    try:
        with source.snapshot() as old, target.writing(lasts=True) as new:
            _check_empty(new, target.name)
            copied = _copy(old, new, report)
            ends = f"event {copied.last_event} of {copied.last_at:%Y-%m-%d %H:%M} UTC" if copied.last_at else "no event"
            line = Line("restored", None, actor, f"from {backup.name}, whose log ends with {ends}")
            changing.add_event(new, line, copied.last_event + LEAP)
            if target.path is None:
                _count_on(new)
            digests = tuple(one.digest for one in since if _take_over(new, one, actor))
    finally:
        source.engine.dispose()
        target.engine.dispose()
    return Copied(copied.kernels, copied.events, copied.last_event, copied.last_at, digests)


def _there(url: str, report: Report) -> Database:
    database = database_at(url, report=report)
    if database.path is not None and not database.path.is_file():
        raise RegistryError(f"there is no registry at {database.name}")
    check_version(database)
    return database


def _into_new(source: Database, file: Path, report: Report) -> Copied:
    make_registry(str(file))
    target = database_at(str(file))
    try:
        with source.snapshot() as old, target.writing(lasts=True) as new:
            return _copy(old, new, report)
    finally:
        target.engine.dispose()


def _make_single(file: Path) -> None:
    """No files beside it: what is copied elsewhere by its name is all of it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        damage = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if damage != "ok":
        raise RegistryUnavailable(f"the backup came out damaged: {damage}")


def _copy(old: Connection, new: Connection, report: Report) -> Copied:
    for table in TABLES:
        rows = old.execution_options(yield_per=BATCH).execute(select(table).order_by(*table.primary_key))
        done = 0
        while batch := [row._asdict() for row in islice(rows, BATCH)]:
            new.execute(insert(table), batch)
            done += len(batch)
            report(f"{table.name}: {done} rows")
    last: Any = new.execute(select(EVENTS.c.number, EVENTS.c.at).order_by(EVENTS.c.number.desc()).limit(1)).first()
    kernels, events = (new.execute(select(func.count()).select_from(table)).scalar_one() for table in (KERNELS, EVENTS))
    return Copied(kernels, events, *((0, None) if last is None else (last.number, last.at)))


def _check_empty(connection: Connection, name: str) -> None:
    for table in TABLES:
        if connection.execute(select(table).limit(1)).first() is not None:
            raise RegistryError(f"the registry {name} is not empty: a backup is restored into a new one")


def _count_on(connection: Connection) -> None:
    """Postgres counts on its own, and was not asked for the numbers that came from the backup."""
    for table, column in _COUNTED.items():
        connection.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "
                f"(SELECT coalesce(max({column}), 0) + 1 FROM {table}), false)"
            )
        )


@dataclass(frozen=True, slots=True)
class _Revoked:
    digest: str
    operator: str
    entry: str
    source: bytes
    reason: str


def _revocations(url: str, report: Report) -> list[_Revoked]:
    database = _there(url, report)
    columns = (KERNELS.c.digest, KERNELS.c.operator, KERNELS.c.entry, KERNELS.c.source, EVENTS.c.reason)
    noted = (EVENTS.c.digest == KERNELS.c.digest) & (EVENTS.c.kind == "revoked")
    query = select(*columns).outerjoin_from(KERNELS, EVENTS, noted).where(KERNELS.c.revoked).order_by(EVENTS.c.number)
    try:
        with database.reading() as connection:
            return [
                _Revoked(row.digest, row.operator, row.entry, row.source, row.reason or "")
                for row in connection.execute(query)
            ]
    finally:
        database.engine.dispose()


def _take_over(connection: Connection, one: _Revoked, actor: str) -> bool:
    """Revokes it here; what the backup does not have comes as revoked, so that it can't be promoted again."""
    revoked = connection.execute(select(KERNELS.c.revoked).where(KERNELS.c.digest == one.digest)).scalar()
    if revoked:
        return False
    if revoked is None:
        row = {"digest": one.digest, "operator": one.operator, "entry": one.entry, "source": one.source}
        connection.execute(insert(KERNELS).values(**row, revoked=True))
        changing.add_event(connection, Line("revoked", one.digest, actor, one.reason))
    else:
        changing.revoke(connection, one.digest, actor, one.reason, Proof())
    return True

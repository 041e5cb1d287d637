"""Finds and opens a registry: a file of SQLite, or a database of Postgres.

SQLite is in WAL: who reads never waits, one writes at a time. A transaction that writes takes its lock when it begins,
never half-way. In Postgres it takes an advisory lock, so that there, too, one writes at a time: numbers of events are
in the order in which they can be seen, and two promotions come one after the other.

Whoever owns a database can put a view without an end in a table's place, or a row as large as the machine. Neither
holds up an application that asks what serves: statements are bounded in time, and in SQLite rows in size.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, inspect, select, table, text
from sqlalchemy import column as named_column
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from pipeline.errors import RegistryError
from pipeline.registry.contract import Registry
from pipeline.registry.faults import ANSWER_S, LOCK_S, ROW_CAP_BYTES, faults_in_words, rows_in_words
from pipeline.registry.tables import SCHEMA, VERSION_TABLE
from pipeline.registry.waiting import Limits, Wait, telling
from pipeline.reporting import Report

CONNECT_S: Final = 5
WRITER: Final = 0x6B67  # of the advisory lock
_WRITES: Final = "registry_writes"
_LASTS: Final = "registry_lasts"
_INSTRUCTIONS: Final = 100_000  # of SQLite's machine, between two looks at the clock


class _Bounded(sqlite3.Connection):
    """A connection whose statements are ended at a time of the monotonic clock."""

    until = math.inf


@dataclass(frozen=True, slots=True)
class Database:
    """Where a registry is.

    Attributes:
        engine: Connects when it is used.
        name: For messages, without a password.
        path: Of the file; None in Postgres.
        report: Hears what is waited for; None: nobody does.
    """

    engine: Engine
    name: str
    path: Path | None
    report: Report | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads, and waits for nobody."""
        with (
            faults_in_words(self.name),
            rows_in_words(self.name),
            self.waiting() as wait,
            self.engine.begin() as connection,
        ):
            wait.connected(connection)
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """The same, with one state of everything however many statements there are."""
        engine = self.engine if self.path else self.engine.execution_options(isolation_level="REPEATABLE READ")
        with (
            faults_in_words(self.name),
            rows_in_words(self.name),
            self.waiting() as wait,
            engine.execution_options(**{_LASTS: True}).begin() as connection,
        ):
            wait.over()
            yield connection

    @contextmanager
    def writing(self, *, lasts: bool = False) -> Iterator[Connection]:
        """A transaction that is alone in writing, from its begin; one that `lasts` copies everything there is."""
        options = {_WRITES: True, _LASTS: lasts}
        with (
            faults_in_words(self.name),
            self.waiting(writes=True) as wait,
            self.engine.execution_options(**options).begin() as connection,
        ):
            wait.connected(connection)
            if self.path is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER})
            wait.over()
            yield connection

    @contextmanager
    def waiting(self, *, writes: bool = False) -> Iterator[Wait]:
        """Whoever hears of it is told, while the context lasts, what is waited for."""
        wait = Wait(self.engine, self.name, self.path, Limits(CONNECT_S, LOCK_S, ANSWER_S), writes=writes)
        with telling(wait, self.report):
            yield wait


def opened(url: str, report: Report | None = None) -> Registry:
    """As `contract.open_registry`."""
    from pipeline.registry.store import SqlRegistry

    database = database_at(url, report=report)
    if database.path is not None and not database.path.is_file():
        raise RegistryError(f"there is no registry at {database.name}: kernelgate registry init makes one")
    check_version(database)
    return SqlRegistry(database)


def check_version(database: Database) -> None:
    """Sees that a registry of this version is there; where not, its connections are given back.

    Raises:
        RegistryError: it is of another version, or there is none.
        RegistryUnavailable: it does not answer.
    """
    name = database.name
    try:
        with database.reading() as connection:
            found = version_of(connection)
        if found is None:
            raise RegistryError(f"{name} holds no registry: kernelgate registry init makes one")
        if found != SCHEMA:
            raise RegistryError(
                f"the registry {name} has the schema version {found}, this kernelgate uses {SCHEMA}: where it is "
                "older, kernelgate registry init upgrades it; otherwise a newer kernelgate is needed"
            )
    except BaseException:
        database.engine.dispose()
        raise


def version_of(connection: Connection) -> str | None:
    """The schema's version; None where there is no registry."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    stored = connection.execute(select(named_column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    return None if stored is None else str(stored)


def database_at(url: str, *, makes: bool = False, report: Report | None = None) -> Database:
    """Returns the database at a path or URL; nothing is connected yet.

    Args:
        makes: A file of SQLite may be made.
        report: Hears what is waited for, as `Database.report`.

    Raises:
        RegistryError: that names none.
    """
    if "://" not in url:
        return replace(_sqlite(Path(url), makes=makes), report=report)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise RegistryError(f"'{url[:80]}' is no path and no URL of a registry") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database:
            return replace(_sqlite(Path(parsed.database), makes=makes), report=report)
        case "postgresql" | "postgres":
            driven = parsed.set(drivername="postgresql+psycopg")
            return replace(_postgres(driven.render_as_string(hide_password=False)), report=report)
    raise RegistryError(
        f"a registry is a path, sqlite:///PATH or postgresql://…, and not '{parsed.render_as_string()[:80]}'"
    )


def _sqlite(path: Path, *, makes: bool) -> Database:
    if "\0" in str(path) or not path.name or path.is_dir():
        raise RegistryError(f"the registry '{path}' is no file")
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={'rwc' if makes else 'rw'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=LOCK_S, isolation_level=None, check_same_thread=False, factory=_Bounded
        )
        bounded = weakref.ref(connection)
        connection.set_progress_handler(lambda: _is_over(bounded()), _INSTRUCTIONS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ROW_CAP_BYTES)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "begin", _begin)
    return Database(_forkable(engine), str(path), path)


def _begin(connection: Connection) -> None:
    options, driver = connection.get_execution_options(), connection.connection.driver_connection
    assert isinstance(driver, _Bounded)
    driver.until = math.inf
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES, False) else "BEGIN")
    if not options.get(_LASTS, False):
        driver.until = time.monotonic() + ANSWER_S


def _is_over(connection: sqlite3.Connection | None) -> bool:
    return isinstance(connection, _Bounded) and time.monotonic() > connection.until


def _postgres(url: str) -> Database:
    limits = f"-c lock_timeout={LOCK_S}s -c idle_in_transaction_session_timeout=60s -c statement_timeout={ANSWER_S}s"
    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_S, "options": limits})
    return Database(_forkable(engine), engine.url.render_as_string(hide_password=True), None)


def _forkable(engine: Engine) -> Engine:
    """The child of a fork makes its own connections, and leaves its parent's alone."""
    held: weakref.ref[Any] = weakref.ref(engine)

    def in_child() -> None:
        mine = held()
        if mine is not None:
            mine.dispose(close=False)

    os.register_at_fork(after_in_child=in_child)
    return engine

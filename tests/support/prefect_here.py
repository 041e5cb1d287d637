"""Prefect servers for tests: the temporary one of the program itself, on a database that was migrated once.

Prefect's senders of events and logs are one a process, and know the server that they were first used with: the events
of a later test would go to the dead server of an earlier one. So they are ended wherever a server begins or ends.
"""

from __future__ import annotations

import fcntl
import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.orchestration.prefect_environment import TemporaryServer, temporary_server

DATABASE = "prefect.db"
DRAIN_S = 10.0


def new_home(folder: Path, migrated: Path) -> Path:
    """Makes Prefect's home of a copy of the database `migrated`, which is made where it is not there yet.

    Args:
        migrated: Shared by all processes of a run of the tests; migrating takes 12 s, and more on a busy machine.
    """
    with migrated.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not migrated.exists():
            fresh = migrated.with_suffix(".home")
            with started_in(fresh):
                pass
            copy_database(fresh / DATABASE, migrated)
    folder.mkdir(parents=True, exist_ok=True)
    copy_database(migrated, folder / DATABASE)
    return folder


def copy_database(source: Path, target: Path) -> None:
    """Copies a database that may be in use; the copy appears when it is whole."""
    partial = target.with_suffix(".partial")
    with closing(sqlite3.connect(source)) as opened, closing(sqlite3.connect(partial)) as copy:
        opened.backup(copy)
    partial.rename(target)


@contextmanager
def started_in(home: Path) -> Iterator[TemporaryServer]:
    """A server on the database of this home; ends with the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        server = temporary_server.__wrapped__()
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


@contextmanager
def talking_to(server: TemporaryServer, storage: Path) -> Iterator[None]:
    """What this process does with Prefect within the block goes to this server; results are kept in `storage`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(storage))  # for the process that has not imported Prefect yet
        importlib.import_module("pipeline.orchestration.prefect_connection")
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_CLIENT_MAX_RETRIES,
        PREFECT_LOCAL_STORAGE_PATH,
        temporary_settings,
    )

    settings = {
        PREFECT_API_URL: server.url,
        PREFECT_LOCAL_STORAGE_PATH: storage,
        PREFECT_CLIENT_MAX_RETRIES: 1,
    }
    with temporary_settings(settings):
        end_senders()
        try:
            yield
        finally:
            end_senders()


def end_senders() -> None:
    """Ends Prefect's senders of this process, once they have sent what they have; the next event starts new ones."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for senders in (EventsWorker, APILogWorker):
        senders.drain_all(timeout=DRAIN_S, at_exit=False)
        senders._instances.clear()  # one that is stuck is not waited for, and must not be used again

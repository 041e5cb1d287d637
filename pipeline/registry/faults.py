"""What a database says when it can't, in words: locked, full, gone, damaged, no registry; or that it refused.

Codes decide, never texts: SQLite's own of an exception, and the SQLSTATE of Postgres.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError

from pipeline.errors import PromotionDenied, RegistryError, RegistryUnavailable, UnavailableError, UserError

LOCK_S: Final = 10
ANSWER_S: Final = 30
ROW_CAP_BYTES: Final = 32 << 20  # two envelopes, and room
_MADE: Final = "kernelgate registry init makes one"
_DENIED_WORDS: Final = "registry: "
_PRIMARY: Final = 0xFF  # of SQLite's extended codes
_LOCKED: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


@contextmanager
def faults_in_words(name: str) -> Iterator[None]:
    """Turns what the database says into an error of ours; `name` is the registry's, without a password.

    Raises:
        RegistryUnavailable: it stays locked, is full, or does not answer.
        RegistryError: it is damaged, no registry, or may not be used so.
        PromotionDenied: it refused.
    """
    try:
        yield
    except DBAPIError as error:
        raise _in_words(name, error) from None
    except sqlite3.Error as error:  # of a statement outside transactions, which goes to the driver itself
        raise _of_sqlite(name, error) from None


@contextmanager
def rows_in_words(name: str) -> Iterator[None]:
    """Turns what rows can't be into an error of ours: SQLite keeps any type in any column.

    Raises:
        RegistryError: a row holds what no registry writes.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200]
        raise RegistryError(
            f"the registry {name} holds a row that no kernelgate wrote ({said}): kernelgate registry restore BACKUP"
        ) from None


def _in_words(name: str, error: DBAPIError) -> UserError | UnavailableError:
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(name, error.orig)
    return _of_postgres(name, error)


def _of_sqlite(name: str, error: sqlite3.Error) -> UserError | UnavailableError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in _LOCKED:
        return _locked(name, f"fuser -v {name} shows it")
    if code in _FULL:
        return _full(name, str(error))
    if code in _DAMAGED:
        return RegistryError(f"{name} is no database, or a damaged one ({error}): kernelgate registry restore BACKUP")
    if code == sqlite3.SQLITE_TOOBIG:
        return RegistryError(f"{name} holds a row of more than {ROW_CAP_BYTES >> 20} MiB, which no kernelgate wrote")
    if code == sqlite3.SQLITE_INTERRUPT:
        return _slow(name)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return _refused(name, str(error))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return RegistryUnavailable(
            f"the registry {name} can't be opened by this user ({error}): whoever reads it must be able to write the "
            "folder, too, where SQLite keeps what is being written; Postgres has users who may only read"
        )
    if code == sqlite3.SQLITE_ERROR:
        return RegistryError(f"{name} holds no registry ({error}): {_MADE}")
    return RegistryUnavailable(f"the registry {name} can't be used: {error}")


def _of_postgres(name: str, error: DBAPIError) -> UserError | UnavailableError:
    state = getattr(error.orig, "sqlstate", None) or ""
    said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
    if state == "57014":
        return _slow(name)
    if state in ("55P03", "40P01"):
        return _locked(name, "pg_stat_activity shows its session")
    if state.startswith("53"):
        return _full(name, said)
    if state == "P0001" or state.startswith("23"):
        return _refused(name, said)
    if state in ("42P01", "42703", "3F000"):
        return RegistryError(f"{name} holds no registry ({said}): {_MADE}")
    if state in ("42501", "25006"):
        return RegistryUnavailable(f"the registry {name} can't be written by this user ({said}); nothing was changed")
    if isinstance(error, OperationalError):
        return RegistryUnavailable(f"the registry {name} gives no connection: {said}")
    return RegistryUnavailable(f"the registry {name} can't be used: {said}")


def _locked(name: str, shown: str) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"the registry {name} stayed locked for {LOCK_S} s: another program has a transaction open on it ({shown}); "
        "nothing was changed: try again when that program is done, or end it"
    )


def _slow(name: str) -> RegistryUnavailable:
    return RegistryUnavailable(f"the registry {name} gave no answer within {ANSWER_S} s; nothing was changed")


def _full(name: str, said: str) -> RegistryUnavailable:
    return RegistryUnavailable(f"the registry {name} can't be written ({said}): free some space; nothing was changed")


def _refused(name: str, said: str) -> PromotionDenied:
    _, words, rest = said.partition(_DENIED_WORDS)
    return PromotionDenied(f"the registry {name} refused it: {rest if words else said}")

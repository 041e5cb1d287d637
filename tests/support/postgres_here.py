"""A Postgres server for tests, of Debian's package `postgresql`: it does not run as root, so a user is lent to it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

NO_BINARIES = "no Postgres binaries (Debian's package postgresql has them)"
USERS = ("postgres", "nobody")
DATABASES = ("postgres", "template1")  # both are there from the start


@cache
def binaries() -> Path | None:
    """The folder with initdb and pg_ctl; None where there is none. Debian keeps them off PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), reverse=True)
    found = [*debian, *filter(None, [shutil.which("pg_ctl") and Path(str(shutil.which("pg_ctl")))])]
    return found[0].resolve().parent if found else None


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that listens on a socket in `folder`."""

    folder: Path
    programs: Path
    user: str | None

    def run(self, *command: str) -> None:
        """Runs one of its programs as its user."""
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={_group(self.user)}", "--clear-groups", "--"]
        subprocess.run(
            [*(as_user if self.user else []), str(self.programs / command[0]), *command[1:]],
            check=True, capture_output=True, timeout=120, cwd=self.folder,
        )  # fmt: skip

    def url(self, database: str = "postgres") -> str:
        return f"postgresql:///{database}?host={quote(str(self.folder), safe='')}&user=kernelgate"

    def emptied(self, database: str) -> str:
        """Empties one of `DATABASES` and returns its URL: to make one and remove its files takes a second."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
            connection.execute("CREATE SCHEMA public")
            connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")  # as Postgres makes it
        return self.url(database)


@contextmanager
def started_postgres(*, fsync: bool = False) -> Iterator[Postgres]:
    """A server in a new folder, without a network; it ends with the block. Without `fsync` it waits for no disk."""
    programs = binaries()
    assert programs is not None
    user = next((name for name in USERS if _exists(name)), None) if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="kernelgate-postgres-", dir="/tmp"))  # a socket's path is short
    server = Postgres(folder, programs, user)
    try:
        if user is not None:
            shutil.chown(folder, user)
        server.run("initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "kernelgate", "--no-sync", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses='' -c max_connections=40 -c fsync={'on' if fsync else 'off'}"
        server.run("pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield server
        finally:
            server.run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _group(user: str | None) -> int:
    return pwd.getpwnam(user or "root").pw_gid
